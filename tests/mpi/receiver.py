# SPDX-License-Identifier: Apache-2.0
"""Receives heaps until the stream ends; run by either package's Python, in a namespace.

Prints the port as soon as it listens, and at the end what it got as JSON.
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


def main() -> None:
    """Listen at an address, or to a group that is joined there.

    The arguments are how many heaps are assembled at once, the address, and the group if wanted.
    """
    keep_heaps, address = int(sys.argv[1]), sys.argv[2]
    group_address = sys.argv[3] if len(sys.argv) > 3 else None
    stream = recv.Stream(
        spead2.ThreadPool(),
        recv.StreamConfig(max_heaps=keep_heaps, allow_out_of_order=True),
        recv.RingStreamConfig(
            heaps=256, contiguous_only=False, incomplete_keep_payload_ranges=True
        ),
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 28)
        udp.bind((group_address or address, 0))
        if group_address is not None:
            membership = socket.inet_aton(group_address) + socket.inet_aton(address)
            udp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        port = udp.getsockname()[1]
        stream.add_udp_reader(udp, max_size=9200)
    print(port, flush=True)
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
    print(json.dumps({"package": spead2.__file__, "heaps": heaps}), flush=True)


if __name__ == "__main__":
    main()
