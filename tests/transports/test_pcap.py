# SPDX-License-Identifier: Apache-2.0
"""Capture files: read back by others, with every header right and the times of the schedule."""

from __future__ import annotations

import asyncio
import errno
import os
import pathlib
import pickle
import resource
import shutil
import struct
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import spead2
import spead2.send
import spead2.send.asyncio

ROOT = pathlib.Path(__file__).resolve().parents[2]
TSHARK = shutil.which("tshark")
ENDPOINTS = [("10.1.2.3", 7148), ("239.255.1.2", 7149), ("fd00::5", 7150), ("ff15::1:2", 7151)]


def make_heap(size: int, value: int = 0) -> spead2.send.Heap:
    data = np.random.default_rng(value).integers(0, 256, size, dtype=np.uint8)
    group = spead2.send.ItemGroup()
    group.add_item(0x1000, "data", "some bytes", data.shape, data.dtype, value=data)
    return group.get_heap(descriptors="all")


def packets(heap: spead2.send.Heap, cnt: int, max_packet_size: int = 1472) -> list[bytes]:
    return [bytes(p) for p in spead2.send.PacketGenerator(heap, cnt, max_packet_size)]


def read_records(path: pathlib.Path) -> list[tuple[int, bytes]]:
    """Return (time in ns, frame) of each packet of a file."""
    data = path.read_bytes()
    magic, major, minor, _, _, _, link = struct.unpack_from("=IHHIIII", data)
    assert (magic, major, minor, link) == (0xA1B23C4D, 2, 4, 1)
    records, at = [], 24
    while at < len(data):
        seconds, nanoseconds, captured, length = struct.unpack_from("=IIII", data, at)
        assert captured == length
        records.append((seconds * 10**9 + nanoseconds, data[at + 16 : at + 16 + length]))
        at += 16 + length
    assert at == len(data)
    return records


def tshark(path: pathlib.Path, *fields: str) -> list[list[str]]:
    """Return these fields of each packet, with all checksums looked at."""
    if TSHARK is None:
        pytest.skip("there is no program tshark (Debian package of this name)")
    command = [TSHARK, "-r", str(path), "-T", "fields", "-E", "separator=|", "-n"]
    command += ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"]
    for field in fields:
        command += ["-e", field]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return [line.split("|") for line in result.stdout.splitlines()]


@pytest.mark.parametrize("size", [1, 2, 1000, 100_001])
def test_every_byte_of_the_packets_is_there(tmp_path: pathlib.Path, size: int) -> None:
    heap = make_heap(size)
    stream = spead2.send.PcapStream(spead2.ThreadPool(), tmp_path / "x.pcap", ENDPOINTS)
    for substream in range(len(ENDPOINTS)):
        stream.send_heap(heap, substream, substream)
    header = [42, 42, 62, 62]
    expected = [
        (substream, packet)
        for substream in range(len(ENDPOINTS))
        for packet in packets(heap, substream)
    ]
    # What is sent is in the file, while the stream is still there.
    frames = [frame for _, frame in read_records(tmp_path / "x.pcap")]
    assert [f[header[s] :] for f, (s, _) in zip(frames, expected)] == [p for _, p in expected]
    assert len(frames) == len(expected)
    del stream


def test_tshark_finds_nothing_wrong(tmp_path: pathlib.Path) -> None:
    heap = make_heap(3001)  # of packets with odd sizes, too
    path = tmp_path / "x.pcap"
    stream = spead2.send.PcapStream(
        spead2.ThreadPool(),
        path,
        ENDPOINTS,
        source4="10.9.9.9",
        source6="fd00::9",
        source_port=4711,
        ttl=7,
    )
    for substream in range(len(ENDPOINTS)):
        stream.send_heap(heap, 1, substream)
    fields = "eth.dst eth.src eth.type ip.src ip.dst ip.ttl ipv6.src ipv6.dst ipv6.hlim"
    fields += " udp.srcport udp.dstport udp.length"
    fields += " ip.checksum.status udp.checksum.status _ws.malformed _ws.expert"
    rows = tshark(path, *fields.split())
    sizes = [len(p) for p in packets(heap, 1)]
    v4, v6 = ["10.9.9.9", "", "7", "", "", ""], ["", "", "", "fd00::9", "", "7"]
    expected = []
    for (host, port), mac in zip(
        ENDPOINTS,
        ["02:00:00:00:00:02", "01:00:5e:7f:01:02", "02:00:00:00:00:02", "33:33:00:01:00:02"],
    ):
        ip = list(v6 if ":" in host else v4)
        ip[4 if ":" in host else 1] = host
        status = ["", "1"] if ":" in host else ["1", "1"]
        ethernet = [mac, "02:00:00:00:00:01", "0x86dd" if ":" in host else "0x0800"]
        expected += [
            [*ethernet, *ip, "4711", str(port), str(size + 8), *status, "", ""] for size in sizes
        ]
    assert rows == expected


def test_the_reference_receives_it(tmp_path: pathlib.Path) -> None:
    """Another program, that knows nothing of this one, finds the same values."""
    path = tmp_path / "x.pcap"
    stream = spead2.send.PcapStream(spead2.ThreadPool(), path, [("10.1.2.3", 7148)])
    values = [np.arange(20_000, dtype=">u4") + i for i in range(5)]
    group = spead2.send.ItemGroup()
    item = group.add_item(0x1000, "data", "", values[0].shape, values[0].dtype)
    generator = spead2.send.HeapGenerator(group)
    for value in values:
        item.value = value
        stream.send_heap(generator.get_heap())
    stream.send_heap(generator.get_end())
    program = """
import pickle, sys, spead2, spead2.recv
stream = spead2.recv.Stream(spead2.ThreadPool())
stream.add_udp_pcap_file_reader(sys.argv[1])
group = spead2.ItemGroup()
values = []
for heap in stream:
    values += [item.value.tolist() for item in group.update(heap).values()]
sys.stdout.buffer.write(pickle.dumps(values))
"""
    python = ROOT / ".venv-reference" / "bin" / "python"
    if not python.exists():
        pytest.skip("script/setup has not made .venv-reference")
    result = subprocess.run(
        [python, "-c", program, path], check=True, capture_output=True, timeout=60
    )
    received = pickle.loads(result.stdout)
    assert len(received) == len(values)
    for got, sent in zip(received, values):
        np.testing.assert_array_equal(got, sent)


@pytest.mark.parametrize("own_rate", [False, True])
def test_times_are_those_of_the_schedule(tmp_path: pathlib.Path, own_rate: bool) -> None:
    """Packets go in bursts, and whenever the machine lets them; their times are as if it did."""
    rate = 4e6
    config = spead2.send.StreamConfig(
        max_packet_size=1472, rate=0.0 if own_rate else rate, burst_size=20_000
    )
    path = tmp_path / "x.pcap"
    stream = spead2.send.PcapStream(spead2.ThreadPool(), path, [("10.1.2.3", 7148)], config)
    heap = make_heap(400_000)
    stream.send_heap(heap, 1, rate=rate if own_rate else -1.0)
    times, frames = zip(*read_records(path))
    sizes = np.array([len(f) - 42 for f in frames])
    due = np.concatenate([[0], np.cumsum(sizes)[:-1]]) / rate * 1e9
    assert np.abs(np.array(times) - times[0] - due).max() < 1000


def test_without_a_rate_times_are_now_and_go_up(tmp_path: pathlib.Path) -> None:
    import time

    path = tmp_path / "x.pcap"
    before = time.time_ns()
    stream = spead2.send.PcapStream(spead2.ThreadPool(), path, [("10.1.2.3", 7148)])
    for _ in range(100):
        stream.send_heap(make_heap(5000))
    after = time.time_ns()
    times = [t for t, _ in read_records(path)]
    assert times == sorted(times)
    # The clocks of the process and of the day may be slewed against each other.
    assert before - 10**7 < times[0] < times[-1] < after + 10**7


def test_asyncio(tmp_path: pathlib.Path) -> None:
    heap = make_heap(10_000)

    async def run() -> None:
        stream = spead2.send.asyncio.PcapStream(
            spead2.ThreadPool(), os.fsencode(tmp_path / "x.pcap"), ENDPOINTS[:1]
        )
        await asyncio.gather(*(stream.async_send_heap(heap, i) for i in range(3)))

    asyncio.run(run())
    expected = [p for i in range(3) for p in packets(heap, i)]
    assert [f[42:] for _, f in read_records(tmp_path / "x.pcap")] == expected


def test_a_full_disk_fails_heaps_and_leaves_whole_packets(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x.pcap"
    program = f"""
import resource, signal, sys
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
import spead2, spead2.send, test_pcap
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
stream = spead2.send.PcapStream(spead2.ThreadPool(), {str(path)!r}, [("10.1.2.3", 1)])
stream.send_heap(test_pcap.make_heap(50_000))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    stream.send_heap(test_pcap.make_heap(100_000))
except OSError as error:
    print(error.errno, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
stream.send_heap(test_pcap.make_heap(50_000), 9)
"""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"{errno.EFBIG} ")
    assert str(path) in result.stdout
    frames = [f[42:] for _, f in read_records(path)]
    first, last = packets(make_heap(50_000), 1), packets(make_heap(50_000), 9)
    assert frames[: len(first)] == first
    assert frames[-len(last) :] == last


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "text"),
    [
        (("x.pcap", []), {}, ValueError, "endpoints is empty"),
        (("x.pcap", ENDPOINTS), {"ttl": 256}, ValueError, "ttl is 256"),
        (("", ENDPOINTS), {}, ValueError, "path is empty"),
        ((3, ENDPOINTS), {}, TypeError, "int"),
        (("no/such/folder", ENDPOINTS), {}, FileNotFoundError, "no/such/folder"),
        (("x.pcap", [("no.such.invalid", 1)]), {}, RuntimeError, "Host not found"),
        (("x.pcap", ENDPOINTS), {"source4": "::1"}, RuntimeError, "Host not found.*::1"),
        (
            ("x.pcap", ENDPOINTS, spead2.send.StreamConfig(max_packet_size=65508)),
            {},
            ValueError,
            "65508.*65507",
        ),
    ],
)
def test_errors(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    error: type[Exception],
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=text):
        spead2.send.PcapStream(spead2.ThreadPool(), *arguments, **keywords)
