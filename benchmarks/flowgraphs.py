#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rates of flowgraphs: a null source into udp_heap_sink, a null sink and GNU Radio's own UDP sink.

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
from gnuradio import spead2 as sinks

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


def rate(sink: Any, seconds: float) -> float:
    """Bytes of samples a second that a sink takes from a null source."""
    top = gr.top_block()
    top.connect(blocks.null_source(ITEM_BYTES), sink)
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
    item = sinks.item(0x1000, "samples", "complex samples", "complex64")
    return sinks.udp_heap_sink(
        address, item, samples_per_heap=65536 // ITEM_BYTES, max_packet_size=packet_size
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of each measurement")
    parser.add_argument("--read", action="store_true", help="empty the socket")
    parser.add_argument("--json", help="write the figures to this file too")
    args = parser.parse_args()

    drain = Drain(args.read)
    cases = {
        "null sink": lambda: blocks.null_sink(ITEM_BYTES),
        "udp_heap_sink 8972": lambda: heap_sink(drain.address, 8972),
        "udp_heap_sink 1472": lambda: heap_sink(drain.address, 1472),
        "network.udp_sink 1472": lambda: network.udp_sink(
            ITEM_BYTES, 1, *drain.address, 0, 1472, False
        ),
    }
    figures: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(args.rounds):
        for name, make in cases.items():
            figures[name].append(rate(make(), args.seconds))

    def ratio(one: str, other: str) -> float:
        return statistics.median(a / b for a, b in zip(figures[one], figures[other]))

    for name, values in figures.items():
        print(
            f"{name:24} {statistics.median(values) / 1e9:7.3f} GB/s  "
            f"({min(values) / 1e9:.3f} to {max(values) / 1e9:.3f})"
        )
    to_null = ratio("udp_heap_sink 8972", "null sink")
    to_network = ratio("udp_heap_sink 1472", "network.udp_sink 1472")
    print(f"udp_heap_sink 8972 / null sink: {to_null:.2f}")
    print(f"udp_heap_sink / network.udp_sink, 1472 both: {to_network:.2f}")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)


if __name__ == "__main__":
    main()
