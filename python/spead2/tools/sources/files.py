# SPDX-License-Identifier: Apache-2.0
"""Opens a file by what its name ends with: SigMF, WAV, numpy, HDF5, else raw samples.

Arrays are mapped into memory where the format allows, so that size does not matter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import wav
from .base import Field, Source, array_field

#: Types of SigMF whose numpy type needs a word: complex integers are pairs.
_SIGMF = re.compile(r"(?P<kind>[rc])(?P<type>[fiu])(?P<bits>\d+)(_(?P<order>le|be))?")


class BadFileError(ValueError):
    """A file that cannot be sent; the text says why and names it."""


def _map(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], offset: int = 0) -> Field:
    size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    count = (path.stat().st_size - offset) // size
    if count <= 0:
        raise BadFileError(f"{path} has no whole sample of {size} bytes")
    array = np.memmap(path, dtype, "r", offset, (count, *shape))
    return array_field("samples", f"Samples of {path.name}", array)


def _length(field: Field, path: Path, offset: int = 0) -> int:
    size = field.dtype.itemsize * int(np.prod(field.shape, dtype=np.int64))
    return (path.stat().st_size - offset) // size


def _open_raw(path: Path, options: dict[str, Any]) -> Source:
    try:
        dtype = np.dtype(options.get("dtype") or "<c8")
    except TypeError as error:
        raise BadFileError(f"--dtype {options['dtype']!r}: {error}") from None
    field = _map(path, dtype, ())
    return Source(path.name, [field], _length(field, path), None)


def sigmf_dtype(text: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return the numpy type, and the shape of a sample, of a core:datatype of SigMF."""
    match = _SIGMF.fullmatch(text)
    if match is None:
        raise BadFileError(f"core:datatype {text!r} is not one of SigMF")
    order = ">" if match["order"] == "be" else "<"
    size = int(match["bits"]) // 8
    if match["kind"] == "c" and match["type"] == "f":
        return np.dtype(f"{order}c{2 * size}"), ()
    shape = (2,) if match["kind"] == "c" else ()
    return np.dtype(f"{order}{match['type']}{size}"), shape


def _open_sigmf(path: Path, options: dict[str, Any]) -> Source:
    meta, data = path.with_suffix(".sigmf-meta"), path.with_suffix(".sigmf-data")
    try:
        description = json.loads(meta.read_text(encoding="utf-8"))
        top = description["global"]
        dtype, shape = sigmf_dtype(top["core:datatype"])
        channels = int(top.get("core:num_channels", 1))
        captures = description.get("captures") or [{}]
        scalars = {}
        if "core:frequency" in captures[0]:
            scalars["centre_frequency"] = float(captures[0]["core:frequency"])
        rate = top.get("core:sample_rate")
        rate = None if rate is None else float(rate)
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadFileError(f"{meta}: {error if str(error) else type(error).__name__}") from None
    if channels > 1:
        shape = (channels, *shape)
    field = _map(data, dtype, shape)
    return Source(data.name, [field], _length(field, data), rate, scalars)


def _open_wav(path: Path, options: dict[str, Any]) -> Source:
    try:
        layout = wav.read_header(path)
    except ValueError as error:
        raise BadFileError(f"{path}: {error}") from None
    size = layout.dtype.itemsize * layout.channels
    array: npt.NDArray[Any] = np.memmap(
        path, layout.dtype, "r", layout.offset, (layout.size // size, layout.channels)
    )
    if layout.channels == 1:
        array = array[:, 0]
    field = array_field("samples", f"Samples of {path.name}", array)
    return Source(path.name, [field], len(array), float(layout.sample_rate))


def _arrays(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> Source:
    fields = []
    for name, array in arrays.items():
        if array.ndim == 0 or array.dtype.hasobject or array.dtype.kind in "USV":
            raise BadFileError(
                f"{path}: {name} is not an array of numbers with a first axis of time"
            )
        fields.append(array_field(name, f"{name} of {path.name}", array))
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise BadFileError(f"{path}: arrays must be equally long, choose with --dataset: {lengths}")
    return Source(path.name, fields, next(iter(lengths.values())), None)


def _choose(path: Path, there: list[str], wanted: tuple[str, ...]) -> list[str]:
    missing = [name for name in wanted if name not in there]
    if missing or not there:
        raise BadFileError(f"{path} has no {', '.join(missing) or 'array'}; there is: {there}")
    return list(wanted) or there


def _open_numpy(path: Path, options: dict[str, Any]) -> Source:
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise BadFileError(f"{path}: {error}") from None
    if isinstance(loaded, np.ndarray):
        return _arrays(path, {"samples": loaded})
    with loaded:
        names = _choose(path, loaded.files, options.get("dataset") or ())
        return _arrays(path, {name: loaded[name] for name in names})


def _open_hdf5(path: Path, options: dict[str, Any]) -> Source:
    try:
        import h5py  # type: ignore[import-untyped]
    except ImportError:
        raise BadFileError(f"{path}: to read HDF5, pip install h5py") from None
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise BadFileError(f"{path}: {error}") from None
    found: dict[str, Any] = {}

    def visit(name: str, thing: Any) -> None:
        if isinstance(thing, h5py.Dataset) and thing.ndim:
            found[name] = thing

    file.visititems(visit)
    names = _choose(path, list(found), options.get("dataset") or ())
    lengths = {name: len(found[name]) for name in names}
    if len(set(lengths.values())) != 1:
        raise BadFileError(f"{path}: arrays must be equally long, choose with --dataset: {lengths}")

    def reader(dataset: Any) -> Callable[[int, int], npt.NDArray[Any]]:
        return lambda start, count: np.asarray(dataset[start : start + count])

    fields = [
        Field(
            name.replace("/", "."),
            f"{name} of {path.name}",
            found[name].dtype,
            tuple(found[name].shape[1:]),
            reader(found[name]),
        )
        for name in names
    ]
    rate = file.attrs.get("sample_rate")
    return Source(path.name, fields, lengths[names[0]], None if rate is None else float(rate))


_BY_SUFFIX = {
    ".sigmf-meta": _open_sigmf,
    ".sigmf-data": _open_sigmf,
    ".sigmf": _open_sigmf,
    ".wav": _open_wav,
    ".npy": _open_numpy,
    ".npz": _open_numpy,
    ".h5": _open_hdf5,
    ".hdf5": _open_hdf5,
}


def open_source(path: Path, dtype: str | None, dataset: tuple[str, ...]) -> Source:
    """Open a file of samples.

    Parameters
    ----------
    path : Path
        What it ends with says what it is; any other ending is raw samples.
    dtype : str or None
        Type of raw samples, as numpy writes it; None: "<c8".
    dataset : tuple of str
        Names of the arrays of an .npz or HDF5 file; none: all.

    Raises
    ------
    BadFileError
        If there is nothing in it that can be sent.
    """
    opener = _BY_SUFFIX.get(path.suffix.lower(), _open_raw)
    return opener(path, {"dtype": dtype, "dataset": dataset})
