# SPDX-License-Identifier: Apache-2.0
"""Signals that need no file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .base import Field, Source

#: Samples after which a tone repeats: long enough to look smooth, and exact.
_PERIOD = 1024


def _tone(start: int, count: int) -> npt.NDArray[Any]:
    phase = 2j * np.pi / _PERIOD * (np.arange(start, start + count) % _PERIOD)
    tone: npt.NDArray[Any] = np.exp(phase).astype(np.complex64)
    return tone


def _ramp(start: int, count: int) -> npt.NDArray[Any]:
    return np.arange(start, start + count).astype(np.uint32)


def _noise(start: int, count: int) -> npt.NDArray[Any]:
    random = np.random.default_rng(start)
    parts = random.standard_normal((count, 2), np.float32)
    return np.ascontiguousarray(parts).view(np.complex64)[:, 0]


def _zeros(start: int, count: int) -> npt.NDArray[Any]:
    return np.zeros(count, np.uint8)


#: Name of each pattern, with what it is, its type and how it is made.
PATTERNS: dict[str, tuple[str, str, Callable[[int, int], npt.NDArray[Any]]]] = {
    "tone": ("a complex tone of sample_rate / 1024", "c8", _tone),
    "ramp": ("the number of the sample, modulo 2**32", "u4", _ramp),
    "noise": ("complex Gaussian noise, the same each time", "c8", _noise),
    "zeros": ("zero bytes", "u1", _zeros),
}


def open_pattern(name: str, sample_rate: float | None) -> Source:
    """Return the endless source of a pattern."""
    description, dtype, make = PATTERNS[name]
    field = Field("samples", f"Pattern {name}: {description}", np.dtype(dtype), (), make)
    return Source(name, [field], None, sample_rate)
