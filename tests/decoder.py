# SPDX-License-Identifier: Apache-2.0
"""Reads SPEAD packets back to heaps, descriptors and values, checking every rule on the way.

Written from the protocol's rules alone: nothing of the package that is tested is used here.
"""

from __future__ import annotations

import ast
import dataclasses
import struct
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

NULL = 0x00
HEAP_CNT = 0x01
HEAP_LENGTH = 0x02
PAYLOAD_OFFSET = 0x03
PAYLOAD_LENGTH = 0x04
DESCRIPTOR = 0x05
STREAM_CTRL = 0x06
DESCRIPTOR_NAME = 0x10
DESCRIPTOR_DESCRIPTION = 0x11
DESCRIPTOR_SHAPE = 0x12
DESCRIPTOR_FORMAT = 0x13
DESCRIPTOR_ID = 0x14
DESCRIPTOR_DTYPE = 0x15

WIDTHS = 1
SHAPE_BIT_1 = 2
SWAP_ENDIAN = 4

HEADER = 8
PREFIX = 40  # header and the four immediates that every packet has


@dataclasses.dataclass(frozen=True)
class Pointer:
    """An item pointer: a value in an immediate, else an offset into the payload."""

    immediate: bool
    id: int
    value: int


@dataclasses.dataclass(frozen=True)
class Packet:
    """One packet; `pointers` are those after the first four."""

    address_bits: int
    cnt: int
    heap_length: int
    offset: int
    pointers: tuple[Pointer, ...]
    payload: bytes

    @property
    def size(self) -> int:
        """Bytes of the whole packet."""
        return PREFIX + 8 * len(self.pointers) + len(self.payload)


def parse_packet(data: bytes) -> tuple[Packet, bytes]:
    """Read the packet at the beginning of data; return it and what follows it."""
    magic, version, id_bytes, address_bytes, zero, n = struct.unpack_from(">BBBBHH", data)
    assert (magic, version, zero) == (0x53, 4, 0)
    assert id_bytes + address_bytes == 8
    assert 1 <= address_bytes <= 7
    bits = 8 * address_bytes
    pointers = []
    for word in struct.unpack_from(f">{n}Q", data, HEADER):
        identifier = (word & ~(1 << 63)) >> bits
        pointers.append(Pointer(bool(word >> 63), identifier, word & ((1 << bits) - 1)))
    first, rest = pointers[:4], pointers[4:]
    assert [p.id for p in first] == [HEAP_CNT, HEAP_LENGTH, PAYLOAD_OFFSET, PAYLOAD_LENGTH]
    assert all(p.immediate for p in first)
    cnt, heap_length, offset, length = (p.value for p in first)
    start = HEADER + 8 * n
    payload = data[start : start + length]
    assert len(payload) == length
    packet = Packet(bits, cnt, heap_length, offset, tuple(rest), bytes(payload))
    return packet, data[start + length :]


def parse(packet: bytes) -> Packet:
    """Read one packet after which nothing may follow."""
    result, rest = parse_packet(packet)
    assert rest == b""
    return result


def split(stream: bytes) -> list[Packet]:
    """Read packets that follow one another without anything between them."""
    packets = []
    while stream:
        packet, stream = parse_packet(stream)
        packets.append(packet)
    return packets


@dataclasses.dataclass(frozen=True)
class RawItem:
    """An item as it is on the wire. An immediate's data is the whole value field."""

    id: int
    immediate: bool
    data: bytes

    @property
    def number(self) -> int:
        """The data as a number."""
        return int.from_bytes(self.data, "big")


@dataclasses.dataclass(frozen=True)
class Heap:
    """The packets of one heap put together. `payload` is without padding."""

    address_bits: int
    cnt: int
    pointers: tuple[Pointer, ...]
    payload: bytes
    items: tuple[RawItem, ...]

    @property
    def controls(self) -> list[int]:
        """Stream control values."""
        return [item.number for item in self.items if item.id == STREAM_CTRL]

    def descriptors(self, bug_compat: int = 0) -> list[Descriptor]:
        """Read the descriptors."""
        return [
            parse_descriptor(item.data, self.address_bits, bug_compat)
            for item in self.items
            if item.id == DESCRIPTOR
        ]

    def raw(self, identifier: int) -> RawItem:
        """Return the only item of an ID."""
        (item,) = [item for item in self.items if item.id == identifier]
        return item


def assemble(packets: Sequence[Packet], *, repeat_pointers: bool = False) -> Heap:
    """Put all packets of one heap together. They must be in order, without gap or overlap."""
    first = packets[0]
    payload = b""
    pointers: list[Pointer] = []
    for packet in packets:
        assert packet.cnt == first.cnt
        assert packet.heap_length == first.heap_length
        assert packet.address_bits == first.address_bits
        assert packet.offset == len(payload)
        assert packet.payload != b""
        payload += packet.payload
        if repeat_pointers:
            assert packet.pointers == first.pointers
        else:
            pointers += packet.pointers
    assert len(payload) == first.heap_length
    if repeat_pointers:
        pointers = list(first.pointers)

    end = len(payload)
    if pointers and pointers[-1].id == NULL:
        null = pointers.pop()
        assert not null.immediate
        end = null.value
        assert payload[end:] == bytes(len(payload) - end)
        assert end < len(payload)  # without padding there is no null item
    assert all(p.id != NULL for p in pointers)
    payload = payload[:end]

    addresses = [p.value for p in pointers if not p.immediate]
    assert addresses == sorted(addresses)
    assert addresses[:1] in ([], [0])
    assert addresses or payload == b""
    ends = iter([*addresses[1:], end])
    items = []
    for p in pointers:
        if p.immediate:
            data = p.value.to_bytes(first.address_bits // 8, "big")
        else:
            data = payload[p.value : next(ends)]
        items.append(RawItem(p.id, p.immediate, data))
    return Heap(first.address_bits, first.cnt, tuple(pointers), payload, tuple(items))


def assemble_all(packets: Iterable[Packet], *, repeat_pointers: bool = False) -> list[Heap]:
    """Put heaps together whose packets may be interleaved, in the order of their first packets."""
    by_cnt: dict[int, list[Packet]] = {}
    for packet in packets:
        by_cnt.setdefault(packet.cnt, []).append(packet)
    return [assemble(group, repeat_pointers=repeat_pointers) for group in by_cnt.values()]


def check_sizes(packets: Sequence[Packet], max_packet_size: int, repeat_pointers: bool) -> None:
    """Check how pointers and payload of one heap are divided among its packets."""
    size = max_packet_size // 8 * 8
    max_pointers = (size - 48) // 8
    n_pointers = len(packets[0].pointers) if repeat_pointers else 0
    n_items = 0
    for packet in packets:
        assert packet.size <= size
        assert len(packet.pointers) <= max_pointers
        if repeat_pointers:
            assert len(packet.pointers) == n_pointers
        n_items += sum(p.id != NULL for p in packet.pointers)
    if repeat_pointers:
        n_items = sum(p.id != NULL for p in packets[0].pointers)
    for packet in packets[:-1]:
        assert packet.size == size  # only the last one may have room left
    if not repeat_pointers:
        full = [len(p.pointers) == max_pointers for p in packets]
        empty = [not p.pointers for p in packets]
        # Pointers fill packets from the first on: full ones, perhaps a partly filled one, none.
        assert full == sorted(full, reverse=True)
        assert empty == sorted(empty)
        assert sum(not f and not e for f, e in zip(full, empty)) <= 1
    # Padding is only what keeps packets from being without payload.
    heap = assemble(packets, repeat_pointers=repeat_pointers)
    least = 1 if repeat_pointers else n_items // max_pointers * 8 + 1
    assert packets[0].heap_length == max(len(heap.payload), least)
    has_null = any(p.id == NULL for packet in packets for p in packet.pointers)
    assert has_null == (len(heap.payload) < least)


@dataclasses.dataclass(frozen=True)
class Descriptor:
    """What a descriptor says. `dtype` is the dtype of the data, None if there is a format."""

    id: int
    name: str
    description: str
    shape: tuple[int | None, ...]
    format: tuple[tuple[str, int], ...]
    dtype: np.dtype[Any] | None
    order: str
    header: str | None

    @property
    def bits(self) -> int:
        """Bits of one element."""
        if self.dtype is not None:
            return 8 * self.dtype.itemsize
        return sum(bits for _, bits in self.format)

    @property
    def may_be_immediate(self) -> bool:
        """Whether the rules let it go as an immediate (if it is short enough)."""
        return None not in self.shape and self.bits % 8 == 0

    @property
    def length(self) -> int | None:
        """Bytes of a value; None if only known from the data."""
        if None in self.shape:
            return None
        n = 1
        for size in self.shape:
            assert size is not None
            n *= size
        return (n * self.bits + 7) // 8


def parse_descriptor(data: bytes, address_bits: int, bug_compat: int) -> Descriptor:
    """Read the content of a DESCRIPTOR item, which is one packet."""
    packet = parse(data)
    assert packet.address_bits == address_bits
    assert packet.cnt == 1
    assert packet.offset == 0
    assert packet.heap_length == len(packet.payload)
    ids = [p.id for p in packet.pointers]
    expected = [
        DESCRIPTOR_ID,
        DESCRIPTOR_NAME,
        DESCRIPTOR_DESCRIPTION,
        DESCRIPTOR_FORMAT,
        DESCRIPTOR_SHAPE,
    ]
    assert ids in (expected, [*expected, DESCRIPTOR_DTYPE])
    assert [p.immediate for p in packet.pointers] == [True] + [False] * (len(ids) - 1)
    starts = [p.value for p in packet.pointers[1:]]
    assert starts == sorted(starts)
    assert starts[0] == 0
    parts = [
        packet.payload[start:end] for start, end in zip(starts, [*starts[1:], len(packet.payload)])
    ]

    code_width = 4 if bug_compat & WIDTHS else 9 - address_bits // 8
    shape_width = 8 if bug_compat & WIDTHS else 1 + address_bits // 8
    fields = []
    for field in _cut(parts[2], code_width):
        fields.append((field[:1].decode("ascii"), int.from_bytes(field[1:], "big")))
    shape: list[int | None] = []
    for dimension in _cut(parts[3], shape_width):
        size = int.from_bytes(dimension[1:], "big")
        if dimension[0] == 0:
            shape.append(size)
        else:
            assert dimension[0] == (2 if bug_compat & SHAPE_BIT_1 else 1)
            assert size == 0
            shape.append(None)

    dtype = None
    order = "C"
    header = None
    if len(parts) == 5:
        assert fields == []
        header = parts[4].decode("ascii")
        entries = ast.literal_eval(header)
        assert list(entries) == ["descr", "fortran_order", "shape"]
        assert entries["shape"] == tuple(shape)
        assert isinstance(entries["fortran_order"], bool)
        order = "F" if entries["fortran_order"] else "C"
        dtype = np.lib.format.descr_to_dtype(entries["descr"])
        if bug_compat & SWAP_ENDIAN:
            dtype = dtype.newbyteorder()
    else:
        assert fields != []
    return Descriptor(
        packet.pointers[0].value,
        parts[0].decode("ascii"),
        parts[1].decode("ascii"),
        tuple(shape),
        tuple(fields),
        dtype,
        order,
        header,
    )


def _cut(data: bytes, width: int) -> list[bytes]:
    assert len(data) % width == 0
    return [data[i : i + width] for i in range(0, len(data), width)]


def item_bytes(item: RawItem, descriptor: Descriptor) -> bytes:
    """Return the bytes of an item's value, and check whether it rightly is an immediate or not."""
    length = descriptor.length
    if not item.immediate:
        if length is not None:
            assert len(item.data) == length
        return item.data
    assert descriptor.may_be_immediate
    assert length is not None
    padding = len(item.data) - length
    assert padding >= 0
    assert item.data[:padding] == bytes(padding)
    return item.data[padding:]


def check_mode(item: RawItem, descriptor: Descriptor, address_bits: int) -> None:
    """Check that an item that may be an immediate is one, and no other."""
    length = descriptor.length
    short = length is not None and length <= address_bits // 8
    assert item.immediate == (short and descriptor.may_be_immediate)


def decode_value(data: bytes, descriptor: Descriptor) -> Any:
    """Decode a value: an array for dtypes, else nested lists of numbers (tuples for structs).

    A variable dimension gets as many elements as the bits suffice for; short elements can so come
    to a few zeros more than were sent.
    """
    if descriptor.dtype is not None:
        shape = tuple(size for size in descriptor.shape if size is not None)
        array = np.frombuffer(data, descriptor.dtype)
        return array.reshape(shape, order="F" if descriptor.order == "F" else "C")
    available = 8 * len(data) // descriptor.bits
    known = 1
    for size in descriptor.shape:
        if size is not None:
            known *= size
    unknown = available // known if known else 0
    sizes = [unknown if size is None else size for size in descriptor.shape]
    n = 1
    for size in sizes:
        n *= size
    bits = int.from_bytes(data, "big")
    left = 8 * len(data)
    elements = []
    for _ in range(n):
        element = []
        for code, width in descriptor.format:
            left -= width
            assert left >= 0
            element.append(_decode_field(code, width, bits >> left & ((1 << width) - 1)))
        elements.append(tuple(element) if len(element) > 1 else element[0])
    assert bits & ((1 << left) - 1) == 0  # padding
    return _nest(elements, sizes)


def _decode_field(code: str, width: int, bits: int) -> Any:
    if code == "u":
        return bits
    if code == "i":
        return bits - (1 << width) if bits >> (width - 1) else bits
    if code == "b":
        return bool(bits)
    if code == "c":
        assert width == 8
        return bytes([bits])
    assert code == "f"
    return struct.unpack({32: ">f", 64: ">d"}[width], bits.to_bytes(width // 8, "big"))[0]


def _nest(elements: list[Any], sizes: Sequence[int]) -> Any:
    if not sizes:
        return elements[0]
    step = len(elements) // sizes[0] if sizes[0] else 0
    return [_nest(elements[i * step : (i + 1) * step], sizes[1:]) for i in range(sizes[0])]
