# SPDX-License-Identifier: Apache-2.0
"""Where received values can be kept: SigMF, HDF5, npz. Receiving is the command's matter."""

from __future__ import annotations

from pathlib import Path

from .base import Recording
from .hdf5 import Hdf5
from .npz import Npz
from .sigmf import SigMF

__all__ = ["Hdf5", "Npz", "Recording", "SigMF", "create"]


def create(path: Path, item: str | None) -> Recording:
    """Return a recording of the kind that the name ends with.

    Raises
    ------
    ValueError
        If it ends with none that is known.
    """
    suffix = path.suffix.lower()
    if suffix in (".h5", ".hdf5"):
        return Hdf5(path)
    if suffix == ".npz":
        return Npz(path)
    if suffix in (".sigmf", ".sigmf-meta", ".sigmf-data"):
        return SigMF(path, item)
    raise ValueError(f"{path}: names end with .h5, .npz or .sigmf-meta")
