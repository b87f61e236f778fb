#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rates of flowgraphs: what sinks take from a null source, and what comes out of sources.

With --both: null source -> udp_heap_sink -> UDP -> udp_heap_source -> null sink, beside the
engine's own sender and receiver, and GNU Radio's UDP sink and source. What counts is what arrives.

All in one run, alternating, so that other load on the machine falls on each alike. The packets go
to a socket of this machine; with --read a thread empties it, which needs a core of its own. Run
with the Python that has GNU Radio. (A file named gnuradio.py would hide GNU Radio's package.)
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import threading
import time
from typing import Any

from gnuradio import blocks, gr, network
from gnuradio import spead2 as gr_spead2

import spead2
import spead2.recv
import spead2.send

HEAP_BYTES = 65536
ITEM_BYTES = gr.sizeof_gr_complex


class Drain:
    """A UDP socket that takes packets, and reads and forgets them if wanted."""

    def __init__(self, read: bool) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.setsockopt(socket.IPPROTO_UDP, 104, 1)  # UDP_GRO
        self.socket.bind(("127.0.0.1", 0))
        if read:
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        buffer = bytearray(1 << 16)
        while True:
            self.socket.recv_into(buffer)

    @property
    def address(self) -> tuple[str, int]:
        """Where to send to."""
        host, port = self.socket.getsockname()
        return host, port


def rate(sink: Any, seconds: float, buffer_bytes: int = 0) -> float:
    """Bytes of samples a second that a sink takes from a null source."""
    top = gr.top_block()
    before = blocks.null_source(ITEM_BYTES)
    if buffer_bytes:
        before.set_min_output_buffer(buffer_bytes // ITEM_BYTES)
    top.connect(before, sink)
    top.start()
    time.sleep(0.2)
    start, samples = time.perf_counter(), sink.nitems_read(0)
    time.sleep(seconds)
    samples = sink.nitems_read(0) - samples
    elapsed = time.perf_counter() - start
    top.stop()
    top.wait()
    return samples * ITEM_BYTES / elapsed


def heap_sink(address: tuple[str, int], packet_size: int) -> Any:
    """Make a sink of heaps of 64 KiB."""
    item = gr_spead2.item(0x1000, "samples", "complex samples", "complex64")
    return gr_spead2.udp_heap_sink(
        address, item, samples_per_heap=HEAP_BYTES // ITEM_BYTES, max_packet_size=packet_size
    )


# ---- Both ends


def unused_port() -> int:
    """Find a port for a block that cannot be asked which one it has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def arrived(top: Any, count: Any, seconds: float) -> float:
    """Bytes of samples a second that arrive in a flowgraph."""
    top.start()
    time.sleep(0.3)
    start, before = time.perf_counter(), count()
    time.sleep(seconds)
    after, elapsed = count(), time.perf_counter() - start
    top.stop()
    top.wait()
    return float(after - before) / elapsed


def heaps_both(packet_size: int, seconds: float) -> float:
    """Measure a heap sink and a heap source in one flowgraph."""
    address = ("127.0.0.1", unused_port())
    item = gr_spead2.item(0x1000, "samples", "complex samples", "complex64")
    source = gr_spead2.udp_heap_source(address, item)
    top = gr.top_block()
    top.connect(blocks.null_source(ITEM_BYTES), heap_sink(address, packet_size))
    top.connect(source, blocks.null_sink(ITEM_BYTES))
    return arrived(top, source.bytes_received, seconds)


def network_both(packet_size: int, seconds: float) -> float:
    """Measure GNU Radio's UDP sink and source."""
    port = unused_port()
    source = network.udp_source(ITEM_BYTES, 1, port, 0, packet_size, False, False, False)
    end = blocks.null_sink(ITEM_BYTES)
    top = gr.top_block()
    top.connect(
        blocks.null_source(ITEM_BYTES),
        network.udp_sink(ITEM_BYTES, 1, "127.0.0.1", port, 0, packet_size, False),
    )
    top.connect(source, end)
    return arrived(top, lambda: end.nitems_read(0) * ITEM_BYTES, seconds)


def engine_both(packet_size: int, seconds: float) -> float:
    """Measure the engine's own sender and receiver, with heaps as those of the flowgraph."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind(("127.0.0.1", 0))
    receiver = spead2.recv.Stream(
        spead2.ThreadPool(),
        spead2.recv.StreamConfig(allow_out_of_order=True),
        spead2.recv.RingStreamConfig(heaps=16),
    )
    receiver.add_udp_reader(sock)
    config = spead2.send.StreamConfig(max_packet_size=packet_size, max_heaps=64)
    sender = spead2.send.UdpStream(spead2.ThreadPool(), [sock.getsockname()], config)
    group = spead2.send.ItemGroup()
    group.add_item(0x1000, "samples", "", shape=(HEAP_BYTES // ITEM_BYTES,), dtype="c8")
    group["samples"].value = [0] * (HEAP_BYTES // ITEM_BYTES)
    heaps = [spead2.send.HeapReference(group.get_heap(data="all"))] * 32
    stopping = threading.Event()
    received = [0]

    def send() -> None:
        while not stopping.is_set():
            sender.send_heaps(heaps, spead2.send.GroupMode.SERIAL)  # as sinks do

    def receive() -> None:
        for _ in receiver:
            received[0] += HEAP_BYTES

    threads = [threading.Thread(target=send), threading.Thread(target=receive)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    start, before = time.perf_counter(), received[0]
    time.sleep(seconds)
    after, elapsed = received[0], time.perf_counter() - start
    stopping.set()
    threads[0].join()
    receiver.stop()
    threads[1].join()
    sock.close()
    return (after - before) / elapsed


def measure_both(rounds: int, seconds: float) -> dict[str, list[float]]:
    """Measure and print what arrives."""
    cases = {
        "heap sink to source 8972": lambda: heaps_both(8972, seconds),
        "engine 8972": lambda: engine_both(8972, seconds),
        "heap sink to source 1472": lambda: heaps_both(1472, seconds),
        "network.udp 1472": lambda: network_both(1472, seconds),
    }
    figures: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, run in cases.items():
            figures[name].append(run())
    for name, values in figures.items():
        show(name, values)
    ours, engine = figures["heap sink to source 8972"], figures["engine 8972"]
    small, theirs = figures["heap sink to source 1472"], figures["network.udp 1472"]
    print(f"heap sink to source / engine, 8972: {ratio_of(ours, engine):.2f} (wanted: 0.9)")
    print(f"heap sink to source / network.udp, 1472: {ratio_of(small, theirs):.2f} (wanted: 3)")
    return figures


def ratio_of(ours: list[float], theirs: list[float]) -> float:
    """Return the median of the ratios, round by round."""
    return statistics.median(a / max(b, 1) for a, b in zip(ours, theirs))


def show(name: str, values: list[float]) -> None:
    """Print one line."""
    print(
        f"{name:24} {statistics.median(values) / 1e9:7.3f} GB/s  "
        f"({min(values) / 1e9:.3f} to {max(values) / 1e9:.3f})"
    )


def measure_sinks(read: bool, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Measure and print what sinks take."""
    drain = Drain(read)
    cases = {
        "null sink": lambda: rate(blocks.null_sink(ITEM_BYTES), seconds),
        "the same, 1 MiB buffer": lambda: rate(blocks.null_sink(ITEM_BYTES), seconds, 1 << 20),
        "udp_heap_sink 8972": lambda: rate(heap_sink(drain.address, 8972), seconds),
        "udp_heap_sink 1472": lambda: rate(heap_sink(drain.address, 1472), seconds),
        "network.udp_sink 1472": lambda: rate(
            network.udp_sink(ITEM_BYTES, 1, *drain.address, 0, 1472, False), seconds
        ),
    }
    figures: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, measure in cases.items():
            figures[name].append(measure())

    for name, values in figures.items():
        show(name, values)
    to_null = ratio_of(figures["udp_heap_sink 8972"], figures["null sink"])
    to_network = ratio_of(figures["udp_heap_sink 1472"], figures["network.udp_sink 1472"])
    print(f"udp_heap_sink 8972 / null sink: {to_null:.2f}")
    print(f"udp_heap_sink / network.udp_sink, 1472 both: {to_network:.2f}")
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of each measurement")
    parser.add_argument("--read", action="store_true", help="empty the socket")
    parser.add_argument("--both", action="store_true", help="send and receive")
    parser.add_argument("--json", help="write the figures to this file too")
    args = parser.parse_args()

    if args.both:
        figures = measure_both(args.rounds, args.seconds)
    else:
        figures = measure_sinks(args.read, args.rounds, args.seconds)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)


if __name__ == "__main__":
    main()
