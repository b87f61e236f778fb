# SPDX-License-Identifier: Apache-2.0
"""A small reader of SPEAD-64-40 packets, independent of the package that is tested."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterable

HEAP_CNT = 0x01
HEAP_LENGTH = 0x02
PAYLOAD_OFFSET = 0x03
PAYLOAD_LENGTH = 0x04


@dataclasses.dataclass
class ReceivedHeap:
    """Payload of one heap, and how much of it has come."""

    payload: bytearray
    received: int = 0
    packets: int = 0
    addresses: dict[int, int] = dataclasses.field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether all payload has come, and none twice."""
        return self.received == len(self.payload)

    def item(self, item_id: int) -> bytes:
        """Return the payload of an item, which ends where the next one begins."""
        start = self.addresses[item_id]
        ends = [a for a in self.addresses.values() if a > start]
        return bytes(self.payload[start : min(ends, default=len(self.payload))])


def collect(packets: Iterable[bytes]) -> dict[int, ReceivedHeap]:
    """Put packets together to heaps, by heap cnt."""
    heaps: dict[int, ReceivedHeap] = {}
    for packet in packets:
        magic, version, id_width, address_width, zero, n = struct.unpack_from(">BBBBHH", packet)
        assert (magic, version, id_width, address_width, zero) == (0x53, 4, 3, 5, 0)
        immediates: dict[int, int] = {}
        addresses: dict[int, int] = {}
        for pointer in struct.unpack_from(f">{n}Q", packet, 8):
            fields = immediates if pointer >> 63 else addresses
            fields[pointer >> 40 & 0x7FFFFF] = pointer & ((1 << 40) - 1)
        heap = heaps.setdefault(
            immediates[HEAP_CNT], ReceivedHeap(bytearray(immediates[HEAP_LENGTH]))
        )
        payload = packet[8 + 8 * n :]
        assert len(payload) == immediates[PAYLOAD_LENGTH]
        offset = immediates[PAYLOAD_OFFSET]
        heap.payload[offset : offset + len(payload)] = payload
        heap.received += len(payload)
        heap.packets += 1
        heap.addresses.update(addresses)
    return heaps
