# SPDX-License-Identifier: Apache-2.0
"""SPEAD: descriptions of items, flavours and thread pools. Streams are in spead2.send and recv."""

from __future__ import annotations

from . import _one_package, recv  # noqa: F401 first, since the one says why the rest may fail
from ._item_group import ItemGroup
from ._items import Descriptor, Item
from ._spead2 import (
    BUG_COMPAT_DESCRIPTOR_WIDTHS,
    BUG_COMPAT_PYSPEAD_0_5_2,
    BUG_COMPAT_SHAPE_BIT_1,
    BUG_COMPAT_SWAP_ENDIAN,
    CTRL_DESCRIPTOR_REISSUE,
    CTRL_DESCRIPTOR_UPDATE,
    CTRL_STREAM_START,
    CTRL_STREAM_STOP,
    DESCRIPTOR_DESCRIPTION_ID,
    DESCRIPTOR_DTYPE_ID,
    DESCRIPTOR_FORMAT_ID,
    DESCRIPTOR_ID,
    DESCRIPTOR_ID_ID,
    DESCRIPTOR_NAME_ID,
    DESCRIPTOR_SHAPE_ID,
    HEAP_CNT_ID,
    HEAP_LENGTH_ID,
    MEMCPY_NONTEMPORAL,
    MEMCPY_STD,
    NULL_ID,
    PAYLOAD_LENGTH_ID,
    PAYLOAD_OFFSET_ID,
    STREAM_CTRL_ID,
    Empty,
    Flavour,
    Full,
    InprocQueue,
    MemoryAllocator,
    MemoryPool,
    MmapAllocator,
    Stopped,
    ThreadPool,
    __version__,
)

__all__ = [
    "BUG_COMPAT_DESCRIPTOR_WIDTHS",
    "BUG_COMPAT_PYSPEAD_0_5_2",
    "BUG_COMPAT_SHAPE_BIT_1",
    "BUG_COMPAT_SWAP_ENDIAN",
    "CTRL_DESCRIPTOR_REISSUE",
    "CTRL_DESCRIPTOR_UPDATE",
    "CTRL_STREAM_START",
    "CTRL_STREAM_STOP",
    "DESCRIPTOR_DESCRIPTION_ID",
    "DESCRIPTOR_DTYPE_ID",
    "DESCRIPTOR_FORMAT_ID",
    "DESCRIPTOR_ID",
    "DESCRIPTOR_ID_ID",
    "DESCRIPTOR_NAME_ID",
    "DESCRIPTOR_SHAPE_ID",
    "HEAP_CNT_ID",
    "HEAP_LENGTH_ID",
    "MEMCPY_NONTEMPORAL",
    "MEMCPY_STD",
    "NULL_ID",
    "PAYLOAD_LENGTH_ID",
    "PAYLOAD_OFFSET_ID",
    "STREAM_CTRL_ID",
    "Descriptor",
    "Empty",
    "Flavour",
    "Full",
    "InprocQueue",
    "Item",
    "ItemGroup",
    "MemoryAllocator",
    "MemoryPool",
    "MmapAllocator",
    "Stopped",
    "ThreadPool",
    "__version__",
    "parse_range_list",
]


_MAX_LISTED = 2**20


def parse_range_list(ranges: str | None) -> list[int]:
    """Parse a list of numbers and ranges, such as a list of cores.

    Parameters
    ----------
    ranges : str or None
        Numbers and ranges with commas between them: "1,3-5".

    Returns
    -------
    list of int
        The numbers, those of ranges with both ends: [1, 3, 4, 5]. Nothing for an empty text.

    Raises
    ------
    ValueError
        If a part is neither a number nor a range, or there are more than 2**20 numbers.
    """
    if ranges is not None and not isinstance(ranges, str):
        raise TypeError(f"ranges must be a str, not {ranges!r}")
    if not ranges:
        return []
    numbers: list[int] = []
    for part in ranges.split(","):
        first, dash, last = part.partition("-")
        try:
            if "-" in last:
                raise ValueError
            low = int(first)
            high = int(last) if dash else low
        except ValueError:
            raise ValueError(
                f"{part!r} in the list {ranges!r} is neither a number nor a range like 3-5"
            ) from None
        if len(numbers) + high - low >= _MAX_LISTED:
            raise ValueError(f"the list {ranges!r} has more than {_MAX_LISTED} numbers")
        numbers += range(low, high + 1)
    return numbers
