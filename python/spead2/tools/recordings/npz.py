# SPDX-License-Identifier: Apache-2.0
"""numpy's npz: an array an item, whose first axis is the heaps. Kept in memory until the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .base import Recording


class Npz(Recording):
    """A file of arrays that is written when it is closed."""

    def __init__(self, path: Path) -> None:
        path.touch()  # that it cannot be written is to be known before, not after
        self._path = path
        self._values: dict[str, list[Any]] = {}

    def write(self, name: str, value: Any) -> None:
        """Keep a copy, since values lie in the heap's memory."""
        self._values.setdefault(name, []).append(np.array(value))

    def close(self) -> None:
        """Write the file; where shapes of an item differ, each value is an array NAME.0, NAME.1."""
        arrays: dict[str, Any] = {}
        for name, values in self._values.items():
            if len({(value.shape, value.dtype) for value in values}) == 1:
                arrays[name] = np.stack(values)
            else:
                arrays.update({f"{name}.{i}": value for i, value in enumerate(values)})
        np.savez(self._path, **arrays)
