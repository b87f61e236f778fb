# SPDX-License-Identifier: Apache-2.0
"""How an item is divided among the ranks, and where a rank's part lies in the whole."""

from __future__ import annotations

import dataclasses
import math

from ... import Descriptor, Item
from ..._spead2 import Heap, share_of_axis
from .ranks import check_rank


@dataclasses.dataclass(frozen=True)
class Division:
    """How an item is divided: along an axis, owned by one rank, or (neither) the same for all.

    Attributes
    ----------
    whole : Descriptor
        The item as receivers see it.
    split, owner : int or None
        The axis or the rank.
    """

    whole: Descriptor
    split: int | None
    owner: int | None

    def add_value(self, heap: Heap, item: Item, rank: int, size: int, root: int) -> int:
        """Add what a rank has of the value; return how many bytes of it the root holds."""
        whole = self.whole
        before = heap.payload_size
        if self.split is None and self.owner is None:
            heap.add_replicated_item(item, rank == root)
            return heap.payload_size - before
        shape = [n or 0 for n in whole.shape]
        length = (math.prod(shape) * whole.itemsize_bits + 7) // 8
        if self.split is None:
            if rank == self.owner:
                heap.add_item_part(item, length)
            else:
                heap.add_item_elsewhere(item.id, length)
            return length if self.owner == root else 0
        # In memory, the axes before the split one count the blocks, those after it are inside.
        axis = self.split
        if whole.order == "F":
            shape.reverse()
            axis = len(shape) - 1 - axis
        inner = math.prod(shape[axis + 1 :]) * whole.itemsize_bits // 8
        blocks = math.prod(shape[:axis])
        first, last = share_of_axis(shape[axis], rank, size)
        if first == last or length == 0:
            heap.add_item_elsewhere(item.id, length)
        else:
            stride = shape[axis] * inner
            heap.add_item_part(item, length, offset=first * inner, count=blocks, stride=stride)
        first, last = share_of_axis(shape[axis], root, size)
        return (last - first) * inner * blocks


def checked_axis(
    name: str, whole: tuple[int | None, ...], split: int | None, owner: int | None, size: int
) -> int | None:
    """Check that an item can be divided so; return the axis, counted from the front.

    Raises
    ------
    ValueError
        If it has both `split` and `owner`, or one of them and a variable shape, or there is no
        such axis or rank.
    """
    if split is not None and owner is not None:
        raise ValueError(f"item {name!r} cannot have both split={split} and owner={owner}")
    if (split is not None or owner is not None) and None in whole:
        raise ValueError(
            f"item {name!r} of variable shape {whole} can only be the same everywhere: all "
            f"ranks must know how long it is"
        )
    if owner is not None:
        check_rank("owner", owner, size)
    if split is None:
        return None
    if not -len(whole) <= split < len(whole):
        raise ValueError(f"split is {split}, but item {name!r} has {len(whole)} axes")
    return split % len(whole)


def local_shape(
    whole: tuple[int | None, ...], axis: int | None, rank: int, size: int
) -> tuple[int | None, ...]:
    """Return the shape of what a rank has."""
    if axis is None:
        return whole
    first, last = share_of_axis(whole[axis] or 0, rank, size)
    return (*whole[:axis], last - first, *whole[axis + 1 :])
