# SPDX-License-Identifier: Apache-2.0
"""The heaps that go over the bad network; known to both ends."""

from __future__ import annotations

import numpy as np

import spead2.recv
import spead2.send

SIZE = 1 << 16
_PATTERN = np.arange(SIZE + 251, dtype=np.uint32).astype(np.uint8)


def make_heaps() -> list[spead2.send.Heap]:
    """Return the heaps that are sent in turn, those of a cnt for ever the same."""
    heaps = []
    for i in range(251):
        group = spead2.send.ItemGroup()
        data = _PATTERN[i : i + SIZE]
        group.add_item(0x1000, "data", "", data.shape, data.dtype, value=data)
        heaps.append(group.get_heap(descriptors="none"))
    return heaps


def is_right(heap: spead2.recv.Heap) -> bool:
    """Whether a heap has what was sent with its cnt."""
    i = heap.cnt % 251
    (item,) = heap.get_items()
    return bool(np.array_equal(np.asarray(item, np.uint8), _PATTERN[i : i + SIZE]))
