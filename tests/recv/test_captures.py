# SPDX-License-Identifier: Apache-2.0
"""Streams that read capture files: of all kinds, with all that can be in them, and bad ones."""

from __future__ import annotations

import errno
import itertools
import logging
import os
import pathlib
import random
import re
import struct
import time
from collections.abc import Callable
from typing import Any

import captures
import numpy as np
import packets
import pytest

import spead2
import spead2._spead2
import spead2.recv as recv
import spead2.send


def one(cnt: int, size: int = 7) -> bytes:
    return packets.whole(cnt, (0x20, bytes(size)), (0x21, cnt)).encode()


STOP = packets.whole(2**39, (packets.STREAM_CTRL, packets.STOP)).encode()


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Callable[[], list[tuple[str, str]]]:
    caplog.set_level(logging.INFO, "spead2")

    def lines() -> list[tuple[str, str]]:
        end = "all of the log is here"
        spead2._spead2.log_info(end)
        while not any(record.getMessage() == end for record in caplog.records):
            time.sleep(0.001)
        return [(r.levelname, r.getMessage()) for r in caplog.records if r.getMessage() != end]

    return lines


class Captured:
    """What a stream receives from a file."""

    def __init__(self, file: pathlib.Path, content: bytes, **more: Any) -> None:
        file.write_bytes(content)
        self.stream = recv.Stream(spead2.ThreadPool(), ring_config=recv.RingStreamConfig(heaps=4))
        self.stream.add_udp_pcap_file_reader(str(file), **more)
        self.heaps = [heap.cnt for heap in self.stream]


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "x.pcap"


def frames(n: int) -> list[bytes]:
    return [captures.link(captures.ipv4(captures.udp(one(cnt)))) for cnt in range(n)]


@pytest.mark.parametrize(
    "content",
    [
        captures.pcap(frames(5)),
        captures.pcap(frames(5), order=">"),
        captures.pcap(frames(5), nanoseconds=True),
        captures.pcap(frames(5), order=">", nanoseconds=True),
        captures.pcapng(frames(5)),
        captures.pcapng(frames(5), order=">"),
    ],
)
def test_kinds_of_files(file: pathlib.Path, content: bytes) -> None:
    assert Captured(file, content).heaps == [0, 1, 2, 3, 4]


WITH_TAGS = [captures.ETHERNET, captures.SLL, captures.SLL2]
WITHOUT = [captures.NULL, captures.RAW, captures.LOOP]


@pytest.mark.parametrize(
    ("kind", "version", "vlans"),
    [
        *itertools.product(WITH_TAGS, [4, 6], [[], [5], [7, 8]]),
        *itertools.product(WITHOUT, [4, 6], [[]]),
        (captures.RAW4, 4, []),
        (captures.RAW6, 6, []),
    ],
)
def test_kinds_of_networks(file: pathlib.Path, kind: int, version: int, vlans: list[int]) -> None:
    packet = (captures.ipv4 if version == 4 else captures.ipv6)(captures.udp(one(3)))
    content = captures.pcap([captures.link(packet, kind, vlans)], kind)
    assert Captured(file, content).heaps == [3]


def test_batches_and_waiting_for_room(file: pathlib.Path) -> None:
    captured = Captured(file, captures.pcap(frames(300)))
    assert captured.heaps == list(range(300))
    stats = captured.stream.stats
    assert (stats["packets"], stats["batches"], stats["max_batch"]) == (300, 5, 64)


def test_other_things_are_passed_over(file: pathlib.Path, log: Any) -> None:
    good = captures.udp(one(1))
    others = [
        captures.link(captures.ipv4(good, protocol=6)),
        captures.link(captures.ipv6(good, protocol=6)),
        bytes(12) + b"\x08\x06" + bytes(28),
        captures.link(captures.ipv4(b"")),
        captures.link(captures.ipv4(good[:7])),
        captures.link(captures.ipv4(good[:-1])),  # the UDP length is beyond the packet
        captures.link(captures.ipv4(captures.udp(b""))),
        captures.link(captures.ipv4(good))[:20],
        b"",
        captures.link(captures.ipv4(good, options=bytes(8))) + bytes(10),  # this one is good
    ]
    assert Captured(file, captures.pcap(others)).heaps == [1]
    assert log() == []


def test_cut_packets_are_told(file: pathlib.Path, log: Any) -> None:
    whole = frames(1)[0]
    assert Captured(file, captures.pcap([whole], cut=60)).heaps == []
    assert log() == [("WARNING", f"Packet was truncated (60 < {len(whole)})")]


@pytest.mark.parametrize("version", [4, 6])
def test_fragments_are_put_together(file: pathlib.Path, version: int) -> None:
    rng = random.Random(5)
    pieces = []
    for cnt in range(20):
        whole = captures.udp(one(cnt, 3000))
        edges = [*range(0, len(whole), 1000), len(whole)]
        for begin, end in zip(edges, edges[1:]):
            data, more = whole[begin:end], end < len(whole)
            if version == 4:
                packet = captures.ipv4(data, identification=cnt, offset=begin, more=more)
            else:
                packet = captures.ipv6_fragment(data, cnt, begin, more)
            pieces.append(captures.link(packet))
            if rng.random() < 0.3:
                pieces.append(captures.link(packet))  # twice
    rng.shuffle(pieces)
    assert sorted(set(Captured(file, captures.pcap(pieces)).heaps)) == list(range(20))


def fragments(whole: bytes, fragment: Callable[[bytes, int, bool], bytes]) -> list[bytes]:
    """Return the frames of a packet in three pieces, each made of its data, offset and `more`."""
    edges = [0, 40, 80, len(whole)]
    return [
        captures.link(fragment(whole[begin:end], begin, end < len(whole)))
        for begin, end in zip(edges, edges[1:])
    ]


def test_fragments_may_have_options(file: pathlib.Path) -> None:
    frames = [
        *fragments(
            captures.udp(one(4, 100)),
            lambda data, offset, more: captures.ipv4(data, 17, bytes(8), 5, offset, more),
        ),
        *fragments(
            captures.udp(one(6, 100)),
            lambda data, offset, more: captures.ipv6_fragment(data, 5, offset, more, options=16),
        ),
    ]
    assert Captured(file, captures.pcap(frames)).heaps == [4, 6]


def test_fragments_of_different_packets_are_kept_apart(file: pathlib.Path) -> None:
    """Which packet they are of, addresses and identification say, every bit of them."""
    ids = [0, 1, 1 << 15]
    sources = [bytes([10, 0, 0, 1]), bytes([10, 0, 0, 3]), bytes([74, 0, 0, 1])]
    v4 = [{"source": source} for source in sources]
    v4 += [{"destination": source[::-1]} for source in sources]
    v6 = [{name: value * 4 for name, value in addresses.items()} for addresses in v4]
    packets = [
        fragments(
            captures.udp(one(cnt, 100)),
            lambda data, offset, more, i=identification, a=addresses: captures.ipv4(
                data, identification=i, offset=offset, more=more, **a
            ),
        )
        for cnt, (identification, addresses) in enumerate(itertools.product(ids, v4))
    ]
    packets += [
        fragments(
            captures.udp(one(len(packets) + cnt, 100)),
            lambda data, offset, more, i=identification, a=addresses: captures.ipv6_fragment(
                data, i, offset, more, **a
            ),
        )
        for cnt, (identification, addresses) in enumerate(itertools.product([*ids, 1 << 31], v6))
    ]
    mixed = [frame for same_place in zip(*packets) for frame in same_place]
    stream = Captured(file, captures.pcap(mixed))
    assert stream.heaps == list(range(len(packets)))


def test_fragments_that_are_no_udp_packet(file: pathlib.Path) -> None:
    whole = captures.udp(one(1, 100))

    def v4(data: bytes, offset: int, more: bool) -> bytes:
        return captures.ipv4(data, identification=1, offset=offset, more=more)

    def v6(data: bytes, offset: int, more: bool) -> bytes:
        return captures.ipv6_fragment(data, 1, offset, more)

    def cut(fragment: bytes) -> bytes:
        return fragment[:-1]

    def with_byte(fragment: bytes, at: int, value: int) -> bytes:
        return fragment[:at] + bytes([value]) + fragment[at + 1 :]

    wrong: list[Callable[[bytes, int, bool], bytes]] = [
        lambda *of: captures.ipv4(of[0], 6, identification=1, offset=of[1], more=of[2]),
        lambda *of: captures.ipv6_fragment(*of[:1], 1, *of[1:], protocol=6),
        lambda *of: with_byte(captures.ipv6_fragment(*of[:1], 1, *of[1:], options=8), 6, 50),
        lambda *of: with_byte(captures.ipv6_fragment(*of[:1], 1, *of[1:], options=8), 41, 255),
        lambda *of: cut(v4(*of)),
        lambda *of: cut(v6(*of)),
        lambda *of: with_byte(v4(*of), 0, 0x44),  # a header of 16 bytes
        lambda *of: with_byte(v4(*of), 3, 19),  # the length less than the header's
        lambda *of: v4(*of)[:19],
        lambda *of: v6(*of)[:39],
        lambda *of: with_byte(v4(*of), 0, 0x55),  # of no version that is known
        lambda *of: with_byte(v6(*of), 0, 0x70),
    ]
    frames = [frame for form in wrong for frame in fragments(whole, form)]
    # A whole that there is more of behind its end.
    short = captures.udp(one(2, 16))
    beyond = captures.link(v6(bytes(64), len(short), True))
    frames += [beyond, captures.link(v6(short[:40], 0, True))]
    frames += [captures.link(v6(short[40:], 40, False))]
    assert Captured(file, captures.pcap(frames)).heaps == []
    assert Captured(file, captures.pcap([*frames, *fragments(whole, v4)])).heaps == [1]
    assert Captured(file, captures.pcap([*frames[-2:], *fragments(whole, v6)])).heaps == [2, 1]


def test_fragments_that_are_never_whole_are_forgotten(file: pathlib.Path) -> None:
    begun = [
        captures.link(captures.ipv4(bytes(1000), identification=i, offset=8, more=True))
        for i in range(5000)
    ]
    evil = [
        captures.link(captures.ipv4(bytes(16), identification=9, offset=65528, more=True)),
        captures.link(captures.ipv4(bytes(9), identification=10, offset=0, more=True)),
        captures.link(captures.ipv4(b"", identification=11, offset=16)),
        captures.link(captures.ipv6_fragment(bytes(64), 1, 65528, False)),
        captures.link(captures.ipv6_fragment(bytes(8), 2, 0, True)),
        captures.link(captures.ipv6_fragment(b"", 2, 8, False)),
    ]
    assert Captured(file, captures.pcap([*begun, *evil, *frames(1)])).heaps == [0]


def test_filters(file: pathlib.Path) -> None:
    sent = [
        captures.link(captures.ipv4(captures.udp(one(cnt), port=7000 + cnt))) for cnt in range(5)
    ]
    content = captures.pcap(sent)
    assert Captured(file, content, filter="udp dst port 7003").heaps == [3]
    assert Captured(file, content, filter="ip host 10.0.0.2").heaps == [0, 1, 2, 3, 4]
    with pytest.raises(RuntimeError, match="syntax error"):
        Captured(file, content, filter="no such thing")


def test_what_is_no_capture_is_refused(file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    for content in (b"", b"abc", bytes(1000), captures.pcap([])[:20]):
        with pytest.raises(RuntimeError):
            Captured(file, content)
    with pytest.raises(RuntimeError, match="linktype"):
        Captured(file, captures.pcap([], kind=147))
    stream = recv.Stream(spead2.ThreadPool())
    with pytest.raises(OSError, match="missing") as caught:
        stream.add_udp_pcap_file_reader(tmp_path / "missing")
    assert caught.value.errno == errno.ENOENT
    assert isinstance(caught.value, RuntimeError)
    os.mkfifo(tmp_path / "pipe")
    for wrong in (tmp_path, tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(OSError, match="not a regular file"):
            stream.add_udp_pcap_file_reader(wrong)
    with pytest.raises(TypeError):
        stream.add_udp_pcap_file_reader(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="null"):
        stream.add_udp_pcap_file_reader("a\0b")
    file.write_bytes(captures.pcap([]))
    with pytest.raises(ValueError, match="null"):
        stream.add_udp_pcap_file_reader(str(file), "a\0b")


def test_a_damaged_end_is_told(file: pathlib.Path, log: Any) -> None:
    content = captures.pcap(frames(3))
    for damaged in (content[:-1], content + bytes(5), content + b"\xff" * 16):
        assert Captured(file, damaged).heaps in ([0, 1], [0, 1, 2])
    lines = log()
    assert len(lines) == 3
    assert all(
        level == "WARNING" and text.startswith("Error reading packet: ") for level, text in lines
    )


@pytest.mark.parametrize("make", [captures.pcap, captures.pcapng])
def test_any_damage_is_survived(file: pathlib.Path, make: Callable[..., bytes]) -> None:
    rng = random.Random(7)
    whole = [captures.link(captures.ipv6(captures.udp(one(i))), vlans=[i]) for i in range(4)]
    pieces = [captures.link(captures.ipv4(bytes(24), offset=8 * i, more=True)) for i in range(3)]
    content = make(whole + pieces)
    for _ in range(500):
        damaged = bytearray(content)
        for _ in range(rng.randrange(1, 8)):
            damaged[rng.randrange(len(damaged))] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, 6, 44])
        file.write_bytes(damaged[: rng.choice([len(damaged), rng.randrange(len(damaged))])])
        stream = recv.Stream(spead2.ThreadPool(), ring_config=recv.RingStreamConfig(heaps=10))
        try:
            stream.add_udp_pcap_file_reader(file)
        except RuntimeError:
            continue
        assert len(list(stream)) <= 7


def test_files_are_read_as_libpcap_reads_them(file: pathlib.Path) -> None:
    """Those without a filter may be read here: with one that all packets pass it is libpcap."""
    rng = random.Random(8)
    whole = [captures.link(captures.ipv4(captures.udp(one(i, 40 * i)))) for i in range(6)]
    contents = []
    for number in range(200):
        content = bytearray(captures.pcap(whole, nanoseconds=number % 2 == 0))
        for _ in range(rng.randrange(3)):
            # What says how many bytes of a packet are here, and how many it had.
            at = rng.choice([m.start() for m in re.finditer(rb"\x08\0E\0", content)]) - 12
            content[at - 8 : at] = struct.pack("=II", *rng.choices([0, 1, 99, 2**18, 2**31], k=2))
        if number % 5 == 4:
            content[16:20] = struct.pack("=I", rng.choice([0, 50, 120, 2**31, 2**32 - 1]))
        del content[rng.choice([len(content), rng.randrange(24, len(content))]) :]
        contents.append(bytes(content))
    results = [
        [
            (captured.heaps, captured.stream.stats["packets"], captured.stream.stats["batches"])
            for captured in (Captured(file, content, filter=text) for content in contents)
        ]
        for text in ("", "greater 0")
    ]
    assert results[0] == results[1]
    assert len({str(result) for result in results[0]}) > 5


def test_files_of_our_own(file: pathlib.Path) -> None:
    sender = spead2.send.PcapStream(
        spead2.ThreadPool(),
        file,
        [("10.1.2.3", 7148), ("239.1.2.3", 7149)],
        spead2.send.StreamConfig(max_packet_size=1472),
    )
    group = spead2.send.ItemGroup()
    data = np.arange(10000, dtype=np.uint8)
    group.add_item(0x1000, "data", "", data.shape, data.dtype, value=data)
    sender.send_heap(group.get_heap(), substream_index=1)
    sender.send_heap(group.get_heap(), substream_index=0)
    sender.send_heap(group.get_end())
    stream = recv.Stream(spead2.ThreadPool())
    stream.add_udp_pcap_file_reader(os.fsencode(file), "dst port 7149")
    received = spead2.ItemGroup()
    heaps = list(stream)
    assert len(heaps) == 1
    received.update(heaps[0])
    assert np.array_equal(received["data"].value, data)


def test_its_own_pace(file: pathlib.Path) -> None:
    # Not before their time. Files may also say that times go back, or far ahead.
    content = captures.pcap(frames(4), times=[100, 100.05, 90, 100.1])
    began = time.monotonic()
    assert Captured(file, content, at_own_pace=True).heaps == [0, 1, 2, 3]
    assert time.monotonic() - began >= 0.1
    file.write_bytes(captures.pcap(frames(2), times=[0, 2**32 - 1]))
    stream = recv.Stream(spead2.ThreadPool())
    stream.add_udp_pcap_file_reader(file, at_own_pace=True)
    assert stream.get().cnt == 0
    stream.stop()


def test_explicit_start_and_a_stop_item(file: pathlib.Path) -> None:
    sent = [*frames(1), captures.link(captures.ipv4(captures.udp(STOP))), *frames(2)]
    file.write_bytes(captures.pcap(sent))
    stream = recv.Stream(spead2.ThreadPool(), recv.StreamConfig(explicit_start=True))
    stream.add_udp_pcap_file_reader(file)
    assert stream.ringbuffer.size() == 0
    stream.start()
    assert [heap.cnt for heap in stream] == [0]
