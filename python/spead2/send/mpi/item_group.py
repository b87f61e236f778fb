# SPDX-License-Identifier: Apache-2.0
"""The item group of a rank: all ranks have the same items, each its part of the values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy.typing as npt

from ... import Descriptor, Flavour, Item
from ... import ItemGroup as WholeItemGroup
from ..._spead2 import DescriptorSchedule, Heap, part_padding
from .division import Division, checked_axis, local_shape
from .heap import CollectiveHeap
from .ranks import HasPlace, check_rank


class ItemGroup(WholeItemGroup):
    """Items of which each rank sets its part.

    All ranks add the same items in the same order and make the same heaps.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm or Place
    root : int
        Rank that sends descriptors, start and end of the stream, and items that are the same
        everywhere; and the item pointers, unless all ranks do.
    pointers : {'first', 'every'}
        Which packets have the item pointers: the first ones of `root`, or every packet of all
        ranks, for receivers that place each packet by itself.
    descriptor_frequency : int, optional
        Send each descriptor again with every so many heaps; None: only once.
    flavour : spead2.Flavour
        Flavour of the heaps.

    Raises
    ------
    ValueError
        If `root` is no rank of `comm`.
    """

    def __init__(
        self,
        comm: HasPlace,
        *,
        root: int = 0,
        pointers: Literal["first", "every"] = "first",
        descriptor_frequency: int | None = None,
        flavour: Flavour = Flavour(),  # noqa: B008 immutable
    ) -> None:
        super().__init__()
        self.rank = comm.Get_rank()
        self.size = comm.Get_size()
        self.root = check_rank("root", root, self.size)
        if pointers not in ("first", "every"):
            raise ValueError(f"pointers is {pointers!r}, but must be 'first' or 'every'")
        self._pointers: Literal["none", "first", "every"] = pointers
        if pointers == "first" and self.rank != root:
            self._pointers = "none"
        self._flavour = flavour
        self._frequency = descriptor_frequency
        self._divisions: dict[int, tuple[Item, Division]] = {}
        self._schedules: dict[int, DescriptorSchedule] = {}
        self._heaps = 0

    def add_item(
        self,
        id: int | None,
        name: str,
        description: str,
        shape: Iterable[int | None],
        dtype: npt.DTypeLike | None = None,
        order: str = "C",
        format: Sequence[tuple[str, int]] | None = None,
        *,
        value: Any = None,
        split: int | None = None,
        owner: int | None = None,
    ) -> Item:
        """Add an item. Its description is that of the whole; its value is this rank's part.

        Parameters
        ----------
        id, name, description, shape, dtype, order, format, value
            As for :meth:`spead2.ItemGroup.add_item`.
        split : int, optional
            Axis along which the item is divided among the ranks, in the order of ranks, as evenly
            as it goes (see :func:`share_of_axis`); the shape of this rank's part is that of the
            item returned.
        owner : int, optional
            Rank that alone has the value.

        Returns
        -------
        Item
            What this rank sets the value of. An item with neither `split` nor `owner` must be
            given the same value by all.

        Raises
        ------
        ValueError, TypeError
            As :class:`spead2.Item`; also if the item has both `split` and `owner`, or one of them
            and a variable shape, or a split one has elements that are not whole bytes; or an
            axis or rank that does not exist.
        """
        whole = tuple(shape)
        axis = checked_axis(name, whole, split, owner, self.size)
        local = local_shape(whole, axis, self.rank, self.size)
        item = super().add_item(id, name, description, local, dtype, order, format, value=value)
        described = Descriptor(item.id, name, description, whole, dtype, order, format)
        if axis is not None and described.itemsize_bits % 8 != 0:
            self._drop(item)
            raise ValueError(
                f"item {name!r} cannot be split: its elements have {described.itemsize_bits} bits, "
                f"which is not a whole number of bytes"
            )
        self._divisions[item.id] = (item, Division(described, axis, owner))
        self._schedules[item.id] = DescriptorSchedule()
        return item

    def get_heap(
        self,
        descriptors: Literal["stale", "all", "none"] = "stale",
        data: Literal["all", "none"] = "all",
    ) -> CollectiveHeap:
        """Make this rank's part of a heap of all items.

        Values go into every heap, changed or not: the other ranks could not know. An error leaves
        the group unchanged.

        Parameters
        ----------
        descriptors : {'stale', 'all', 'none'}
            Which descriptors: those not sent yet or not often enough, all, or none.
        data : {'all', 'none'}
            Whether values.

        Returns
        -------
        CollectiveHeap

        Raises
        ------
        ValueError
            If an item that this rank has to give has no value, or it cannot be encoded.
        """
        for name, text, words in (
            ("descriptors", descriptors, ("stale", "all", "none")),
            ("data", data, ("all", "none")),
        ):
            if text not in words:
                raise ValueError(f"{name} is {text!r}, but must be one of {words}")
        heap = Heap(self._flavour)
        heap.set_part(self._pointers)
        described: list[DescriptorSchedule] = []
        pointers = root_holds = 0
        for item in self.values():
            divided = self._divisions.get(item.id)
            if divided is None or divided[0] is not item:
                raise ValueError(f"item {item.name!r} was not added with add_item() of this group")
            division = divided[1]
            schedule = self._schedules[item.id]
            if descriptors == "all" or (
                descriptors == "stale" and schedule.is_due(self._heaps, self._frequency)
            ):
                if self.rank == self.root:
                    heap.add_descriptor(division.whole)
                else:
                    heap.add_descriptor_elsewhere(division.whole)
                described.append(schedule)
                pointers += 1
            if data == "all":
                root_holds += division.add_value(heap, item, self.rank, self.size, self.root)
                pointers += 1
        padding = part_padding(pointers, root_holds)
        if padding:
            heap.set_part_padding(padding, self.rank == self.root)
        for schedule in described:
            schedule.sent(self._heaps)
        self._heaps += 1
        held = heap.held_size + (padding if self.rank == self.root else 0)
        return CollectiveHeap(heap if held else None, heap.payload_size + padding, held)

    def get_start(self) -> CollectiveHeap:
        """Make a heap that only says that the stream starts."""
        heap = Heap(self._flavour)
        heap.add_start()
        return CollectiveHeap(heap, 1, 1, control=True)

    def get_end(self) -> CollectiveHeap:
        """Make a heap that only says that the stream ends. All ranks meet before it is sent."""
        heap = Heap(self._flavour)
        heap.add_end()
        return CollectiveHeap(heap, 1, 1, control=True, end=True)
