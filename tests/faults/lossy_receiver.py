# SPDX-License-Identifier: Apache-2.0
"""Receives heaps from a bad network until the stream ends, and watches its own memory.

Prints the port as soon as it listens, and at the end what it got as JSON.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time

import lossy_heaps

import spead2
import spead2.recv

SO_RCVBUFFORCE = 33


def resident_bytes() -> int:
    """Memory of this process."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Receive at the address that is the only argument."""
    stream = spead2.recv.Stream(
        spead2.ThreadPool(),
        spead2.recv.StreamConfig(max_heaps=64, allow_out_of_order=True),
        spead2.recv.RingStreamConfig(heaps=256, contiguous_only=False),
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 28)
        udp.bind((sys.argv[1], 0))
        port = udp.getsockname()[1]
        stream.add_udp_reader(udp)
    print(port, flush=True)
    whole = wrong = incomplete = 0
    cnts = bytearray()  # of each whether it came: a set would be what grows
    memory: list[int] = []
    next_look = 0.0
    for heap in stream:
        if heap.cnt >= len(cnts):
            cnts.extend(bytes(1 << 16))
        cnts[heap.cnt] = 1
        if isinstance(heap, spead2.recv.IncompleteHeap):
            incomplete += 1
        else:
            whole += 1
            wrong += not lossy_heaps.is_right(heap)
        if time.monotonic() >= next_look:
            next_look = time.monotonic() + 0.1
            memory.append(resident_bytes())
    stats = {name: stream.stats[name] for name in stream.stats}
    print(
        json.dumps(
            {
                "whole": whole,
                "wrong": wrong,
                "incomplete": incomplete,
                "cnts": cnts.count(1),
                "memory": memory,
                "stats": stats,
            }
        )
    )


if __name__ == "__main__":
    main()
