# SPDX-License-Identifier: Apache-2.0
"""Heaps described by plain data, and what makes them with whichever spead2 is installed.

The tests use it with the package under test and, in a process of its own, with the reference
package; so it knows nothing but the API that both have.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

import spead2
import spead2.send as send


@dataclasses.dataclass(frozen=True)
class Array:
    """A numpy array as plain data. `data` is in C order.

    Attributes
    ----------
    layout
        How it lies in memory: "C", "F" (order), "strided" (with gaps), "read-only".
    """

    descr: Any
    shape: tuple[int, ...]
    data: bytes
    layout: str = "C"

    def make(self) -> np.ndarray[Any, Any]:
        """Make the array."""
        read_only = self.layout == "read-only"
        memory = self.data if read_only else bytearray(self.data)
        array = np.frombuffer(memory, to_dtype(self.descr)).reshape(self.shape)
        if self.layout == "F":
            return np.array(array, order="F")
        if self.layout == "strided" and self.shape:
            room = np.zeros((*self.shape[:-1], 2 * self.shape[-1]), array.dtype)
            room[..., ::2] = array
            return room[..., ::2]
        return array


@dataclasses.dataclass(frozen=True)
class Description:
    """Arguments of Descriptor, and the value of the item: an Array, or anything else as it is."""

    id: int | None
    name: str
    description: str
    shape: tuple[int | None, ...]
    dtype: Any = None
    order: str = "C"
    format: list[tuple[str, int]] | None = None
    value: Any = None

    def arguments(self) -> dict[str, Any]:
        """Arguments of Descriptor by name."""
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "shape": self.shape,
            "dtype": None if self.dtype is None else to_dtype(self.dtype),
            "order": self.order,
            "format": self.format,
        }

    def make_value(self) -> Any:
        """Make the value."""
        return self.value.make() if isinstance(self.value, Array) else self.value


@dataclasses.dataclass(frozen=True)
class Part:
    """Something that is added to a heap: "descriptor", "item", "start" or "end"."""

    kind: str
    description: Description | None = None


@dataclasses.dataclass(frozen=True)
class HeapRecipe:
    """A heap."""

    flavour: tuple[int, int, int, int]
    parts: tuple[Part, ...]
    repeat_pointers: bool = False


@dataclasses.dataclass(frozen=True)
class Transmission:
    """Heaps that one stream sends as a group: (recipe, cnt) each."""

    heaps: tuple[tuple[HeapRecipe, int], ...]
    max_packet_size: int
    mode: str  # of GroupMode
    cnt_sequence: tuple[int, int] = (1, 1)


@dataclasses.dataclass(frozen=True)
class Step:
    """Something that is done to an item group.

    Kinds: "add" (a description), "set" (name, value), "heap" (arguments of get_heap), "version"
    (name, number), "start", "end".
    """

    kind: str
    arguments: tuple[Any, ...] = ()


def to_descr(dtype: np.dtype[Any]) -> Any:
    """Return plain data that stands for a dtype."""
    return dtype.str if dtype.names is None else dtype.descr


def to_dtype(descr: Any) -> np.dtype[Any]:
    """Undo to_descr()."""
    dtype: np.dtype[Any] = np.lib.format.descr_to_dtype(descr)
    return dtype


def make_heap(recipe: HeapRecipe) -> send.Heap:
    """Make a heap."""
    heap = send.Heap(spead2.Flavour(*recipe.flavour))
    for part in recipe.parts:
        if part.kind == "start":
            heap.add_start()
        elif part.kind == "end":
            heap.add_end()
        else:
            assert part.description is not None
            if part.kind == "descriptor":
                heap.add_descriptor(spead2.Descriptor(**part.description.arguments()))
            else:
                value = part.description.make_value()
                heap.add_item(spead2.Item(value=value, **part.description.arguments()))
    heap.repeat_pointers = recipe.repeat_pointers
    return heap


def packets(recipe: HeapRecipe, cnt: int, max_packet_size: int) -> list[bytes]:
    """Return the packets of a heap."""
    return [bytes(p) for p in send.PacketGenerator(make_heap(recipe), cnt, max_packet_size)]


def transmit(transmission: Transmission) -> bytes:
    """Return what a BytesStream gets from a group of heaps."""
    config = send.StreamConfig(
        max_packet_size=transmission.max_packet_size, max_heaps=max(1, len(transmission.heaps))
    )
    stream = send.BytesStream(spead2.ThreadPool(), config)
    stream.set_cnt_sequence(*transmission.cnt_sequence)
    references = [
        send.HeapReference(make_heap(recipe), cnt=cnt) for recipe, cnt in transmission.heaps
    ]
    stream.send_heaps(references, getattr(send.GroupMode, transmission.mode))
    return bytes(stream.getvalue())


def send_to_group(
    address: str, port: int, interface: str | int, recipe: HeapRecipe, cnts: list[int]
) -> int:
    """Send heaps to a multicast group, and then the end; return the bytes sent.

    Parameters
    ----------
    interface
        For IPv4 an address of it, for IPv6 its number.
    """
    stream = send.UdpStream(
        spead2.ThreadPool(), [(address, port)], send.StreamConfig(), 1 << 19, 1, interface
    )
    sent = sum(stream.send_heap(make_heap(recipe), cnt) for cnt in cnts)
    end = send.Heap(spead2.Flavour(*recipe.flavour))
    end.add_end()
    return int(sent + stream.send_heap(end))


def run_group(
    flavour: tuple[int, int, int, int], descriptor_frequency: int | None, steps: list[Step]
) -> list[list[bytes]]:
    """Do things to an item group; return the packets of each heap that it gave."""
    group = send.ItemGroup(
        descriptor_frequency=descriptor_frequency, flavour=spead2.Flavour(*flavour)
    )
    heaps = []
    for step in steps:
        if step.kind == "add":
            (description,) = step.arguments
            group.add_item(value=description.make_value(), **description.arguments())
        elif step.kind == "set":
            name, value = step.arguments
            if name in group:
                group[name].value = value.make() if isinstance(value, Array) else value
        elif step.kind == "version":
            name, number = step.arguments
            if name in group:
                group[name].version = number
        else:
            if step.kind == "heap":
                heap = group.get_heap(*step.arguments)
            elif step.kind == "start":
                heap = group.get_start()
            else:
                heap = group.get_end()
            heaps.append([bytes(p) for p in send.PacketGenerator(heap, len(heaps), 1472)])
    return heaps


def heap_of(*values: np.ndarray[Any, Any]) -> send.Heap:
    """Make a heap of arrays, without descriptors; their IDs count up from 0x1000."""
    heap = send.Heap()
    for number, value in enumerate(values):
        heap.add_item(spead2.Item(0x1000 + number, "x", "", value.shape, value.dtype, value=value))
    return heap
