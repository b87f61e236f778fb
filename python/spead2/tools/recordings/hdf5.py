# SPDX-License-Identifier: Apache-2.0
"""HDF5: a dataset an item, whose first axis is the heaps. Written as values come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .base import Recording


class Hdf5(Recording):
    """A file of datasets that grow."""

    def __init__(self, path: Path) -> None:
        import h5py  # type: ignore[import-untyped]

        self._file = h5py.File(path, "w")

    def write(self, name: str, value: Any) -> None:
        """Add a row; a value of another shape than before begins a new dataset NAME.1, NAME.2."""
        array = np.asarray(value)
        if array.dtype.hasobject or array.dtype.kind == "U":
            array = np.asarray([str(value).encode()])
        dataset = self._dataset(name.replace("/", "."), array)
        dataset.resize(len(dataset) + 1, axis=0)
        dataset[-1] = array

    def _dataset(self, name: str, array: Any) -> Any:
        number = 0
        while True:
            full = name if number == 0 else f"{name}.{number}"
            dataset = self._file.get(full)
            if dataset is None:
                shape, limits = (0, *array.shape), (None, *array.shape)
                return self._file.create_dataset(full, shape, array.dtype, maxshape=limits)
            if dataset.shape[1:] == array.shape and dataset.dtype == array.dtype:
                return dataset
            number += 1

    def close(self) -> None:
        """Finish the file."""
        self._file.close()
