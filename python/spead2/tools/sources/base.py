# SPDX-License-Identifier: Apache-2.0
"""The form that everything to be sent has: fields with arrays of samples, and how fast they go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

#: Reads samples [start, start + count) of a field.
Reader = Callable[[int, int], npt.NDArray[Any]]


@dataclass(frozen=True)
class Field:
    """One array that becomes an item: its first axis is time."""

    name: str
    description: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]  #: of one sample
    read: Reader


@dataclass(frozen=True)
class Source:
    """Something to send."""

    name: str
    fields: list[Field]
    length: int | None  #: samples; None: without end
    sample_rate: float | None  #: samples a second; None: not known
    scalars: dict[str, float] = field(default_factory=dict)  #: what is sent once, with its names

    @property
    def bytes_per_sample(self) -> int:
        """Bytes of one sample of all fields."""
        return sum(f.dtype.itemsize * int(np.prod(f.shape, dtype=np.int64)) for f in self.fields)


def array_field(name: str, description: str, array: npt.NDArray[Any]) -> Field:
    """Return the field of an array that is there, in memory or mapped."""
    return Field(
        name, description, array.dtype, array.shape[1:], lambda start, count: array[start:][:count]
    )
