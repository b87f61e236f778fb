# SPDX-License-Identifier: Apache-2.0
"""SigMF: the samples of one item one after the other, with rate and frequency if they are sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from .base import Recording


class SigMF(Recording):
    """A pair of files, the data written as it comes.

    Parameters
    ----------
    path : Path
        Either name of the pair.
    item : str or None
        The item with the samples; None: the first with an array of numbers.
    """

    def __init__(self, path: Path, item: str | None) -> None:
        self._path = path
        self._item = item
        self._datatype: str | None = None
        self._channels = 1
        self._numbers: dict[str, float] = {}
        self._data = path.with_suffix(".sigmf-data").open("wb")

    def write(self, name: str, value: Any) -> None:
        """Write the samples, or keep what describes them.

        Raises
        ------
        ValueError
            If SigMF has no type for them, or they changed it.
        """
        array = np.asarray(value)
        if name in ("sample_rate", "centre_frequency") and array.ndim == 0:
            self._numbers[name] = float(array)
        if self._item is None and array.ndim and array.dtype.kind in "cfiu":
            self._item = name
        if name != self._item:
            return
        datatype, channels = self._describe(array)
        if self._datatype is None:
            self._datatype, self._channels = datatype, channels
        if (datatype, channels) != (self._datatype, self._channels):
            raise ValueError(f"{name} changed from {self._datatype} to {datatype}")
        self._data.write(np.ascontiguousarray(array).tobytes())

    @staticmethod
    def _describe(array: Any) -> tuple[str, int]:
        kind, size = array.dtype.kind, array.dtype.itemsize
        order = "be" if array.dtype.newbyteorder("=") != array.dtype else "le"
        shape = array.shape[1:]
        form = "r"
        if kind == "c":
            form, kind, size = "c", "f", size // 2
        elif shape and shape[-1] == 2 and kind in "iu":
            form, shape = "c", shape[:-1]  # I and Q beside each other
        if kind not in "fiu" or size not in (1, 2, 4, 8):
            raise ValueError(f"SigMF has no samples of type {array.dtype}")
        ending = "" if size == 1 else f"_{order}"
        return f"{form}{kind}{8 * size}{ending}", int(np.prod(shape, dtype=np.int64))

    def close(self) -> None:
        """Write the description."""
        self._data.close()
        top: dict[str, Any] = {"core:version": "1.0.0", "core:datatype": self._datatype}
        top["core:num_channels"] = self._channels
        if "sample_rate" in self._numbers:
            top["core:sample_rate"] = self._numbers["sample_rate"]
        capture: dict[str, Any] = {"core:sample_start": 0}
        if "centre_frequency" in self._numbers:
            capture["core:frequency"] = self._numbers["centre_frequency"]
        meta = {"global": top, "captures": [capture], "annotations": []}
        self._path.with_suffix(".sigmf-meta").write_text(json.dumps(meta, indent=2) + "\n")
