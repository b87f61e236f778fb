# SPDX-License-Identifier: GPL-3.0-or-later
"""Several flowgraphs send each heap together, without a word between them."""

from __future__ import annotations

import itertools
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import decoder
import numpy as np
import part_sender
import pmt
import pytest
from gnuradio import gr
from gnuradio import spead2 as sinks
from gnuradio_fixtures import Reception, run_graph, source, tag

import spead2
import spead2.recv
import spead2.send
from spead2.send.mpi import share_of_axis

HEAPS, SAMPLES, SIZE = 5, 10, 3
COUNTER = sinks.counter_item(0x1600, "n", "", start=7, step=2, dtype="uint48")


class Parts:
    """Streams of several flowgraphs to the same receivers."""

    def __init__(self, substreams: int = 1, max_packet_size: int = 1000) -> None:
        self.queues = [spead2.InprocQueue() for _ in range(substreams)]
        self.config = spead2.send.StreamConfig(max_packet_size=max_packet_size, max_heaps=100)

    def stream(self) -> spead2.send.InprocStream:
        return spead2.send.InprocStream(spead2.ThreadPool(), self.queues, self.config)

    def packets(self, substream: int = 0) -> list[decoder.Packet]:
        """All of them, by the heap cnt and then in the order of the payload."""
        self.queues[substream].stop()
        found = [decoder.parse(bytes(packet)) for packet in self.queues[substream]]
        return sorted(found, key=lambda p: (p.cnt, p.offset))

    def heaps(self, substream: int = 0, **how: Any) -> list[decoder.Heap]:
        return decoder.assemble_all(self.packets(substream), **how)


def decoded(heaps: list[decoder.Heap]) -> list[dict[str, Any]]:
    """The values of each heap by name, without start and end."""
    known = {d.id: d for heap in heaps for d in heap.descriptors()}
    return [
        {
            known[i.id].name: decoder.decode_value(decoder.item_bytes(i, known[i.id]), known[i.id])
            for i in heap.items
            if i.id in known
        }
        for heap in heaps
        if not heap.controls
    ]


def part_of(whole: np.ndarray, split: Any, rank: int, size: int) -> np.ndarray:
    """What a rank has of all heaps, one sample after another; the heaps are the first axis."""
    if split == "new":
        part = whole[:, rank]
    else:
        first, last = share_of_axis(whole.shape[1 + split], rank, size)
        part = np.take(whole, range(first, last), axis=1 + split)
    return part.reshape(-1, *part.shape[2:])


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
@pytest.mark.parametrize("pointers", ["first", "every"])
@pytest.mark.parametrize(
    ("split", "dtype", "shape"),
    [
        ("new", "float", ()),
        ("new", "sc16", (4,)),
        (0, "short", ()),
        (0, "byte", (3, 2)),
        (1, "float", (5,)),
        (1, "sc8", (4,)),
        (2, "int", (2, 7)),
    ],
)
def test_parts_make_whole_heaps(
    split: Any, dtype: str, shape: tuple[int, ...], pointers: str, order: tuple[int, ...]
) -> None:
    type_of = {"float": "f4", "sc16": "i2", "short": "i2", "byte": "u1", "sc8": "i1", "int": "i4"}
    axes = (SAMPLES, *shape, *([2] if dtype.startswith("sc") else []))
    axes = (SIZE, *axes) if split == "new" else axes
    whole = np.arange(HEAPS * np.prod(axes)).astype(type_of[dtype]).reshape(HEAPS, *axes)
    parts = Parts(max_packet_size=200)
    for rank in order:
        sink = sinks.heap_sink(
            parts.stream(),
            (0x1000, "x", "all", dtype, shape),
            samples_per_heap=SAMPLES,
            scalars=[
                COUNTER,
                sinks.counter_item(0x1601, "wide", "", step=3),
                sinks.constant_item(0x1602, "name", "", "antenna"),
            ],
            rank=rank,
            size=SIZE,
            split=split,
            pointers=pointers,
            descriptor_interval=2,
        )
        run_graph(source(part_of(whole, split, rank, SIZE)), sink)
        assert (sink.heaps_sent(), sink.samples_dropped(), sink.error()) == (HEAPS, 0, "")
    by_cnt = itertools.groupby(parts.packets(), key=lambda p: p.cnt)
    heaps = []
    for cnt, of_heap in by_cnt:
        packets = list(of_heap)
        every = pointers == "every" and 1 < cnt < 2**40 - 1
        assert every == (pointers == "every" and len(packets) > 1)
        heaps.append(decoder.assemble(packets, repeat_pointers=every))
    assert [heap.cnt for heap in heaps] == [1, *range(2, 2 + HEAPS), 2**40 - 1]
    assert [heap.controls for heap in (heaps[0], heaps[-1])] == [[0], [2]]
    assert [len(heap.descriptors()) for heap in heaps[1:-1]] == [4, 0, 4, 0, 4]
    values = decoded(heaps)
    for i, value in enumerate(values):
        assert np.array_equal(value["x"], whole[i])
        assert value["n"] == 7 + 2 * SAMPLES * i
        assert value["wide"] == 3 * SAMPLES * i
        assert b"".join(value["name"]) == b"antenna"


def test_items_of_one_owner_each() -> None:
    floats = np.arange(20, dtype=np.float32)
    shorts = np.arange(40, dtype=np.int16).reshape(20, 2)
    parts = Parts()
    for rank, data in ((0, shorts), (1, floats)):
        sink = sinks.heap_sink(
            parts.stream(),
            [(0x1000, "a", "", "float"), (0x1001, "b", "", "short", 2)],
            samples_per_heap=5, rank=rank, size=2, owners=[1, 0],
        )  # fmt: skip
        run_graph(source(data), sink)
    values = decoded(parts.heaps())
    assert len(values) == 4
    for i, value in enumerate(values):
        assert np.array_equal(value["a"], floats[5 * i :][:5])
        assert np.array_equal(value["b"], shorts[5 * i :][:5])


def test_all_choose_the_same_substream() -> None:
    whole = np.arange(2 * 6 * 4, dtype=np.float32).reshape(6, 2, 4)
    parts = Parts(substreams=2)
    for rank in (1, 0):
        sink = sinks.heap_sink(
            parts.stream(), (0x1000, "x", "", "float"), samples_per_heap=4,
            rank=rank, size=2, substream="round_robin", descriptor_interval=2,
        )  # fmt: skip
        run_graph(source(part_of(whole, "new", rank, 2)), sink)
    for substream in (0, 1):
        heaps = parts.heaps(substream)
        assert [h.cnt for h in heaps] == [
            1 + substream,
            *range(3 + substream, 9, 2),
            2**40 - 1 - substream,
        ]
        assert [len(h.descriptors()) for h in heaps[1:-1]] == [1, 0, 1]
        assert np.array_equal([v["x"] for v in decoded(heaps)], whole[substream::2])


def at(milliseconds: int, offset: int) -> gr.tag_t:
    time_of = pmt.make_tuple(pmt.from_uint64(0), pmt.from_double(milliseconds / 1000))
    return tag(offset, "rx_time", time_of)


@pytest.mark.parametrize("on_restart", ["drop", "pad"])
def test_heaps_stay_those_of_the_others_when_samples_are_missing(on_restart: str) -> None:
    """Rank 1 loses the samples 20 to 24, and starts anew within heap 3."""
    samples = np.arange(64, dtype=np.float32)
    parts = Parts()
    lossy = np.delete(samples, range(20, 25))
    for rank, data, tags in ((0, samples, []), (1, lossy, [at(0, 0), at(25, 20)])):
        sink = sinks.heap_sink(
            parts.stream(), (0x1000, "x", "", "float"), samples_per_heap=8, scalars=[COUNTER],
            rank=rank, size=2, sample_rate=1000, on_restart=on_restart,
        )  # fmt: skip
        run_graph(source(data, tags), sink)
    assert sink.samples_dropped() == (7 if on_restart == "pad" else 11)
    missing = (5,) if on_restart == "pad" else (4, 5)
    packets = parts.packets()
    whole = [p for p in packets if p.cnt not in missing]
    heaps = decoder.assemble_all(whole)
    assert [h.cnt for h in heaps] == [*(c for c in range(1, 10) if c not in missing), 2**40 - 1]
    for heap, value in zip(heaps[1:-1], decoded(heaps)):
        i = heap.cnt - 2
        expected = np.stack([samples[8 * i :][:8]] * 2)
        if i == 2:
            expected[1, 4:] = 0
        assert np.array_equal(value["x"], expected)
        assert value["n"] == 7 + 16 * i
    for packet in packets:
        if packet.cnt in missing:  # what came is of rank 0, whose rows are first
            assert len(packet.payload) < packet.heap_length
            assert packet.payload[-32:] == samples[8 * (packet.cnt - 2) :][:8].tobytes()


def test_no_heap_comes_twice_when_times_go_back() -> None:
    samples = np.arange(40, dtype=np.float32)
    parts = Parts()
    sink = sinks.heap_sink(
        parts.stream(), (0x1000, "x", "", "float"), samples_per_heap=8, rank=0, size=2,
        sample_rate=1000,
    )  # fmt: skip
    run_graph(source(samples, [at(0, 0), at(8, 16)]), sink)
    # Samples 16 to 23 are again of the time of heap 1.
    assert sorted({p.cnt for p in parts.packets()}) == [1, 2, 3, 4, 5, 2**40 - 1]
    assert sink.samples_dropped() == 8


def test_sinks_of_one_stream_end_it_when_all_have_stopped() -> None:
    whole = np.arange(2 * 6 * 4, dtype=np.float32).reshape(6, 2, 4)
    parts = Parts()
    stream = parts.stream()
    top = gr.top_block()
    for rank in (1, 0):
        sink = sinks.heap_sink(
            stream, (0x1000, "x", "", "float"), samples_per_heap=4, rank=rank, size=2
        )
        top.connect(source(part_of(whole, "new", rank, 2)), sink)
    top.run()
    del stream
    parts.queues[0].stop()
    packets = [decoder.parse(bytes(packet)) for packet in parts.queues[0]]
    assert [p.cnt for p in packets if p.cnt in (1, 2**40 - 1)] == [1, 2**40 - 1]
    assert packets[-1].cnt == 2**40 - 1
    heaps = decoder.assemble_all(sorted(packets, key=lambda p: (p.cnt, p.offset)))
    assert np.array_equal([v["x"] for v in decoded(heaps)], whole)


def test_a_flowgraph_takes_its_share_of_the_rate() -> None:
    """At least as long as that takes: 100 kB in packets of 1 kB, at half of 1 MB a second."""
    data = np.zeros(25_000, dtype=np.float32)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unread:
        unread.bind(("127.0.0.1", 0))
        sink = sinks.udp_heap_sink(
            unread.getsockname(), (0x1000, "x", "", "float"), samples_per_heap=2500,
            rank=1, size=2, rate=1e6, burst_size=1000,
        )  # fmt: skip
        blocks = source(data), sink
        start = time.monotonic()
        run_graph(*blocks)
        seconds = time.monotonic() - start
    assert sink.bytes_sent() > data.nbytes
    assert seconds > 0.9 * sink.bytes_sent() / 0.5e6


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"size": 0}, "size is 0, but must be at least 1"),
        ({"rank": 2}, "rank is 2, but must be below size, which is 2"),
        ({"samples_per_heap": 0}, "samples_per_heap is 0, .* all must know how long a heap is"),
        ({"variable_length": True}, "variable_length is true, .* all must know how long a heap is"),
        ({"substream": "tag:beam"}, "substream is a tag's, .* the others do not see it"),
        ({"descriptor_seconds": 1.0}, "descriptor_seconds is 1.0+, .* use descriptor_interval"),
        ({"owners": [0]}, "owners has 1 ranks, but there are 2 items"),
        ({"owners": [0, 2]}, "owners has rank 2, but size is 2"),
        ({"owners": [1, 1]}, "owners names rank 0 for no item"),
        ({"split": 1}, "split is 1, but item 'a' has 1 axis, of which axis 0 is that of the"),
        ({"split": 0, "samples_per_heap": 1}, "axis 0 of item 'a' has 1 positions, .* size of 2"),
        ({"split": "old"}, "split 'old' is not known; use 'new' or an axis"),
        ({"samples_per_heap": 2**37}, "2 flowgraphs is more than SPEAD-64-40 can hold"),
        ({"samples_per_heap": 2**62}, "more than 2.63 bytes"),
        (
            {"scalars": [sinks.tag_item(0x1600, "t", "", "t", dtype="str")]},
            "scalar item 't' is a text of a tag, .* how long it is",
        ),
        (
            {"scalars": [sinks.tag_item(0x1600, "t", "", "t")]},
            "scalar item 't' of 64 bits may be left out, .* at most 40 bits",
        ),
        (
            {
                "scalars": [sinks.tag_item(0x1600, "t", "", "t", dtype="uint8")],
                "pointers": "every",
            },
            "scalar item 't' comes from a tag, .* all send it",
        ),
    ],
)
def test_what_cannot_be_agreed_on_is_refused(options: dict[str, Any], text: str) -> None:
    options = {"samples_per_heap": 4, "size": 2, **options}
    with pytest.raises(ValueError, match=text):
        sinks.heap_sink(
            Parts().stream(), [(0x1000, "a", "", "float"), (0x1001, "b", "", "float")], **options
        )


def test_intervals_of_descriptors_stay_as_they_are() -> None:
    sink = sinks.heap_sink(Parts().stream(), (0x1000, "a", "", "float"), samples_per_heap=4, size=2)
    sink.set_descriptor_interval(0)
    with pytest.raises(ValueError, match="cannot change where several flowgraphs send heaps"):
        sink.set_descriptor_interval(5)
    with pytest.raises(ValueError, match="must be 0: use descriptor_interval"):
        sink.set_descriptor_seconds(5)


def test_values_of_tags_are_those_of_rank_0() -> None:
    items = [
        sinks.tag_item(0x1600, "gain", "", "gain", dtype="uint8"),
        sinks.tag_item(0x1601, "freq", "", "freq", dtype="float64", initial=-1.0),
    ]
    parts = Parts()
    for rank in (0, 1):
        tags = [tag(4, "gain", 10 + rank), tag(4, "freq", 10.5 + rank)]
        sink = sinks.heap_sink(
            parts.stream(), (0x1000, "x", "", "float"), samples_per_heap=4, scalars=items,
            rank=rank, size=2,
        )  # fmt: skip
        run_graph(source(np.zeros(8, np.float32), tags), sink)
    values = decoded(parts.heaps())
    assert [v.get("gain") for v in values] == [None, 10]
    assert [v["freq"] for v in values] == [-1.0, 10.5]


# ---- Two processes, and receivers of both packages


@pytest.fixture(scope="module")
def sent() -> dict[int, list[bytes]]:
    """Packets that two processes sent to one socket, by the rank that sent them, and their order.

    Rank -1 is all of them.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        receiver.bind(("127.0.0.1", 0))
        port = str(receiver.getsockname()[1])
        program = Path(__file__).with_name("part_sender.py")
        processes = [
            subprocess.Popen(
                [sys.executable, str(program), port, str(rank)], stdout=subprocess.PIPE, text=True
            )
            for rank in range(part_sender.SIZE)
        ]
        ports = {}
        for rank, process in enumerate(processes):
            said, _ = process.communicate()
            assert process.returncode == 0
            ports[int(re.findall(r"\d+", said)[0])] = rank
        receiver.setblocking(False)
        packets: dict[int, list[bytes]] = {-1: [], 0: [], 1: []}
        while True:
            try:
                packet, (_, from_port) = receiver.recvfrom(65536)
            except BlockingIOError:
                return packets
            packets[-1].append(packet)
            packets[ports[from_port]].append(packet)


def end_heap() -> bytes:
    """What ends a stream that all have left."""
    queue = spead2.InprocQueue()
    stream = spead2.send.InprocStream(spead2.ThreadPool(), [queue])
    stream.send_heap(spead2.send.ItemGroup().get_end(), cnt=2**40 - 1)
    return bytes(queue.get_packet())


def forward(packets: list[bytes], port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for packet in [*packets, end_heap()]:
            sender.sendto(packet, ("127.0.0.1", port))


def test_the_reference_receives_whole_heaps(
    sent: dict[int, list[bytes]], receiver: Callable[..., Reception]
) -> None:
    rx = receiver("udp", out_of_order=True, max_heaps=32)
    forward(sent[-1], rx.ports[0])
    items = [found for found in rx.items() if found]
    assert len(items) == part_sender.HEAPS
    for i, found in enumerate(items):
        assert found["n"] == i * part_sender.SAMPLES
        assert np.array_equal(found["x"], part_sender.whole()[i])


@pytest.mark.parametrize("missing", [None, 0, 1])
def test_our_receiver_says_whose_part_is_missing(
    sent: dict[int, list[bytes]], missing: int | None
) -> None:
    """Rank 0 is the one with the item pointers."""
    rx = spead2.recv.Stream(
        spead2.ThreadPool(),
        spead2.recv.StreamConfig(max_heaps=32, allow_out_of_order=True),
        spead2.recv.RingStreamConfig(
            heaps=32, contiguous_only=False, incomplete_keep_payload_ranges=True
        ),
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        udp.bind(("127.0.0.1", 0))
        port = udp.getsockname()[1]
        rx.add_udp_reader(udp)
    forward(sent[-1] if missing is None else sent[1 - missing], port)
    part = part_sender.whole()[0, 0].nbytes
    group = spead2.ItemGroup()
    numbers = []
    for heap in rx:
        if heap.cnt == 1:  # the start
            continue
        numbers.append(heap.cnt - 2)
        if missing is None:
            group.update(heap)
            assert np.array_equal(group["x"].value, part_sender.whole()[numbers[-1]])
            continue
        assert isinstance(heap, spead2.recv.IncompleteHeap)
        # Of the item's two rows, which come last in the payload, one is there.
        rows = (heap.heap_length - 2 * part, heap.heap_length - part)
        (held,) = heap.payload_ranges
        assert held == ((rows[1], heap.heap_length) if missing == 0 else (0, rows[1]))
    assert sorted(numbers) == list(range(part_sender.HEAPS))
