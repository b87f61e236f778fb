# SPDX-License-Identifier: Apache-2.0
"""Packets made by hand: any pointers and payload, right or wrong."""

from __future__ import annotations

import dataclasses
import struct

HEAP_CNT, HEAP_LENGTH, PAYLOAD_OFFSET, PAYLOAD_LENGTH, DESCRIPTOR, STREAM_CTRL = range(1, 7)
STOP = 2


@dataclasses.dataclass
class Packet:
    """One packet.

    Attributes
    ----------
    length
        Of the heap; None: not said.
    pointers
        Those after the usual ones: (ID, immediate value) or (ID, address, None).
    """

    cnt: int
    payload: bytes = b""
    offset: int = 0
    length: int | None = None
    pointers: list[tuple[int, ...]] = dataclasses.field(default_factory=list)
    bits: int = 40

    def immediate(self, identifier: int, value: int) -> int:
        return 1 << 63 | identifier << self.bits | value

    def encode(self) -> bytes:
        words = [self.immediate(HEAP_CNT, self.cnt)]
        if self.length is not None:
            words.append(self.immediate(HEAP_LENGTH, self.length))
        words.append(self.immediate(PAYLOAD_OFFSET, self.offset))
        words.append(self.immediate(PAYLOAD_LENGTH, len(self.payload)))
        words += [word(pointer, self.bits) for pointer in self.pointers]
        return header(len(words), self.bits) + struct.pack(f">{len(words)}Q", *words) + self.payload


def word(pointer: tuple[int, ...], bits: int) -> int:
    """Encode (ID, value) as an immediate, (ID, address, anything) as an address."""
    identifier, value = pointer[:2]
    return (len(pointer) == 2) << 63 | identifier << bits | value


def header(n_pointers: int, bits: int = 40) -> bytes:
    return struct.pack(">BBBBHH", 0x53, 4, 8 - bits // 8, bits // 8, 0, n_pointers)


def whole(cnt: int, *items: tuple[int, bytes | int], bits: int = 40) -> Packet:
    """Make the only packet of a heap; items are (ID, bytes) or (ID, immediate value)."""
    payload = b""
    pointers: list[tuple[int, ...]] = []
    for identifier, value in items:
        if isinstance(value, int):
            pointers.append((identifier, value))
        else:
            pointers.append((identifier, len(payload), 0))
            payload += value
    return Packet(cnt, payload, 0, len(payload), pointers, bits)


def cut(packet: Packet, *places: int) -> list[Packet]:
    """Cut the only packet of a heap at offsets of its payload; the first gets the pointers."""
    edges = [0, *places, len(packet.payload)]
    return [
        dataclasses.replace(
            packet,
            payload=packet.payload[begin:end],
            offset=begin,
            pointers=packet.pointers if begin == 0 else [],
        )
        for begin, end in zip(edges, edges[1:])
    ]
