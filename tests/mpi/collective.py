# SPDX-License-Identifier: Apache-2.0
"""The heaps of the tests: what each rank sends of them, and what must arrive.

Imported by the ranks, by the receivers (which may be of the reference package), and by the tests.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

ROWS, COLUMNS = 37, 6000  # not the same for all ranks
WIDE = (5, 111, 7)
OWNER_BYTES = 3000


@functools.lru_cache(maxsize=32)
def samples(heap: int) -> Any:
    """The item that is split by rows."""
    start = np.arange(ROWS * COLUMNS, dtype=np.uint32)
    return ((start * 31 + heap * 17) % 251).astype(np.int8).reshape(ROWS, COLUMNS)


@functools.lru_cache(maxsize=32)
def wide(heap: int) -> Any:
    """The item that is split along its second axis."""
    return (np.arange(np.prod(WIDE), dtype=np.uint32) * 7 + heap).astype(">u4").reshape(WIDE)


@functools.lru_cache(maxsize=32)
def owned(heap: int) -> Any:
    """The item that the last rank has."""
    return ((np.arange(OWNER_BYTES) + heap) % 256).astype(np.uint8)


def expected(heap: int) -> dict[str, Any]:
    """All values of a heap."""
    return {
        "timestamp": 1000 + heap,
        "note": np.arange(heap % 9 + 1, dtype=np.uint16),
        "samples": samples(heap),
        "wide": wide(heap),
        "owned": owned(heap),
    }


def wrong_items(heap: int, values: dict[str, Any]) -> list[str]:
    """Names of the items that are missing or not what was sent."""
    return [
        name
        for name, value in expected(heap).items()
        if name not in values or not np.array_equal(values[name], value)
    ]
