# SPDX-License-Identifier: Apache-2.0
"""Helpers for place functions that are compiled with numba, which must be installed."""

from __future__ import annotations

import numba
from numba.core import types

__all__ = ["chunk_place_data"]

_POINTER = types.intp
_SIZE = types.uintp

#: What a place function is told and what it answers: the first argument points to one.
chunk_place_data = numba.types.Record.make_c_struct(
    [
        ("packet", _POINTER),
        ("packet_size", _SIZE),
        ("items", _POINTER),
        ("chunk_id", types.int64),
        ("heap_index", _SIZE),
        ("heap_offset", _SIZE),
        ("batch_stats", _POINTER),
        ("extra", _POINTER),
        ("extra_offset", _SIZE),
        ("extra_size", _SIZE),
    ]
)
