# SPDX-License-Identifier: Apache-2.0
"""Receives the heaps of some streams until each ends; run by either package's Python.

Prints the ports as soon as it listens, and at the end what it got, as JSON.
"""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

import collective

import spead2
import spead2.recv as recv

SO_RCVBUFFORCE = 33


def listen(address: str, wanted: dict[str, Any]) -> tuple[recv.Stream, int]:
    """Make a stream that listens at an address, or to a group that is joined there.

    `wanted` says how many heaps are assembled at once, the group or None, and the port or 0.
    """
    stream = recv.Stream(
        spead2.ThreadPool(),
        recv.StreamConfig(max_heaps=wanted["heaps"], allow_out_of_order=True),
        recv.RingStreamConfig(
            heaps=256, contiguous_only=False, incomplete_keep_payload_ranges=True
        ),
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 28)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        udp.bind((wanted["group"] or address, wanted["port"]))
        if wanted["group"]:
            membership = socket.inet_aton(wanted["group"]) + socket.inet_aton(address)
            udp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        port = udp.getsockname()[1]
        stream.add_udp_reader(udp, max_size=9200)
    return stream, port


def receive(stream: recv.Stream) -> list[dict[str, Any]]:
    """Take all heaps of a stream, and say what is in them."""
    group = spead2.ItemGroup()
    heaps: list[dict[str, Any]] = []
    for heap in stream:
        found: dict[str, Any] = {"cnt": heap.cnt}
        heaps.append(found)
        if isinstance(heap, recv.IncompleteHeap):
            found["length"] = heap.heap_length
            found["ranges"] = heap.payload_ranges
            continue
        group.update(heap)
        values = {name: item.value for name, item in group.items()}
        if "timestamp" not in values:  # the start of the stream
            continue
        found["wrong"] = collective.wrong_items(int(values["timestamp"]) - 1000, values)
        found["heap"] = int(values["timestamp"]) - 1000
    stream.stop()
    return heaps


def main() -> None:
    """Listen at the address that is the first argument, to the streams that the second lists."""
    streams = [listen(sys.argv[1], wanted) for wanted in json.loads(sys.argv[2])]
    print(json.dumps([port for _, port in streams]), flush=True)
    print(json.dumps([receive(stream) for stream, _ in streams]), flush=True)


if __name__ == "__main__":
    main()
