# SPDX-License-Identifier: Apache-2.0
"""Samples in files: WAV with any number of channels, raw complex numbers, SigMF.

What comes out is float32 (one row a sample, one column a channel) or complex64, integers scaled to
-1 to 1. Nothing here knows GNU Radio.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

#: Names of raw formats other than SigMF's own, by what files are called.
_SUFFIXES = {
    "cfile": "cf32",
    "fc32": "cf32",
    "fc64": "cf64",
    "cs8": "ci8",
    "cs16": "ci16",
    "sc8": "ci8",
    "sc16": "ci16",
    "iq": "cf32",
}
FORMATS = ("ci8", "cu8", "ci16", "cu16", "ci32", "cf16", "cf32", "cf64")


@dataclasses.dataclass(frozen=True)
class Recording:
    """Samples in a file.

    Attributes
    ----------
    raw
        What is in the file, one row a sample.
    convert
        Makes float32 or complex64 of rows.
    channels
        Of a sample.
    sample_rate
        In Hz; 0: the file does not say.
    """

    raw: Any
    convert: Callable[[Any], Array]
    channels: int
    sample_rate: float

    def __len__(self) -> int:
        """Return how many samples there are."""
        return len(self.raw)

    def read(self, first: int, count: int) -> Array:
        """Return `count` samples from number `first` on."""
        return self.convert(self.raw[first : first + count])


def _rows(path: Path, dtype: Any, columns: int, offset: int = 0, size: int | None = None) -> Array:
    """Map a file; bytes at its end that are no whole row are left."""
    there = os.path.getsize(path) - offset
    size = there if size is None else min(size, there)
    row = np.dtype(dtype).itemsize * columns
    rows = max(size, 0) // row
    if rows == 0:
        raise ValueError(f"{path} has no samples")
    return np.memmap(path, dtype, "r", offset, (rows, columns))


# ---- WAV


@dataclasses.dataclass(frozen=True)
class _WavFormat:
    code: int
    channels: int
    rate: int
    bits: int


def _read_chunks(path: Path) -> tuple[_WavFormat, int, int]:
    """Return the format, and where the samples begin and how many bytes they are.

    A program that was killed left sizes of 0 or all ones: then the samples go to the file's end.
    """
    end = os.path.getsize(path)
    found: _WavFormat | None = None
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
            raise ValueError(f"{path} is no WAV file")
        while len(head := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            start = file.tell()
            if name == b"data":
                if found is None:
                    raise ValueError(f"{path} has samples before their format")
                unfinished = size in (0, 2**32 - 1) or start + size > end
                return found, start, end - start if unfinished else size
            if name == b"fmt ":
                body = file.read(min(size, 40))
                code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
                if code == 0xFFFE and len(body) >= 26:  # extensible: the real one is farther on
                    (code,) = struct.unpack_from("<H", body, 24)
                found = _WavFormat(code, channels, rate, bits)
            file.seek(start + size + size % 2)
    raise ValueError(f"{path} has no samples")


def _from_24_bits(rows: Array) -> Array:
    parts = rows.reshape(len(rows), -1, 3).astype(np.uint8)
    whole = np.zeros((*parts.shape[:2], 4), np.uint8)
    whole[..., 1:] = parts
    return (whole.view("<i4")[..., 0] / 2**31).astype(np.float32)


def _scaled(scale: float, offset: float = 0) -> Callable[[Array], Array]:
    return lambda rows: ((rows.astype(np.float64) - offset) / scale).astype(np.float32)


def open_wav(name: str | os.PathLike[str]) -> Recording:
    """Open a WAV file of PCM (8 to 32 bits) or floats.

    Raises
    ------
    ValueError
        If it is none, or of another kind.
    OSError
        If it cannot be read.
    """
    path = Path(name)
    wav, start, size = _read_chunks(path)
    kinds: dict[tuple[int, int], tuple[Any, Callable[[Array], Array]]] = {
        (1, 8): ("u1", _scaled(2**7, 2**7)),
        (1, 16): ("<i2", _scaled(2**15)),
        (1, 24): ("u1", _from_24_bits),
        (1, 32): ("<i4", _scaled(2**31)),
        (3, 32): ("<f4", _scaled(1)),
        (3, 64): ("<f8", _scaled(1)),
    }
    if (wav.code, wav.bits) not in kinds or wav.channels < 1:
        raise ValueError(
            f"{path} is of kind {wav.code} with {wav.bits} bits and {wav.channels} channels; use "
            "PCM with 8, 16, 24 or 32 bits, or floats"
        )
    dtype, convert = kinds[wav.code, wav.bits]
    columns = wav.channels * (3 if wav.bits == 24 else 1)
    rows = _rows(path, dtype, columns, start, size)
    return Recording(rows, convert, wav.channels, wav.rate)


# ---- Complex numbers


def _complex(kind: str, bits: int) -> Callable[[Array], Array]:
    scale, offset = 1.0, 0.0
    if kind == "i":
        scale = 2.0 ** (bits - 1)
    elif kind == "u":
        scale = offset = (2.0**bits - 1) / 2
    parts = _scaled(scale, offset)
    return lambda rows: np.ascontiguousarray(parts(rows)).view(np.complex64)


def _parse_format(text: str) -> tuple[Any, Callable[[Array], Array]]:
    found = re.fullmatch(r"c([fiu])(8|16|32|64)(?:_(le|be))?", text)
    if not found or f"c{found[1]}{found[2]}" not in FORMATS:
        raise ValueError(f"format {text!r} is not known; use {', '.join(FORMATS)} or a SigMF file")
    kind, bits = found[1], int(found[2])
    order = ">" if found[3] == "be" else "<"
    return np.dtype(f"{order}{kind}{bits // 8}"), _complex(kind, bits)


def _sigmf_files(path: Path) -> tuple[Path, Path] | None:
    """Return the description and the samples, if it is a SigMF recording."""
    if path.suffix in (".sigmf-meta", ".sigmf-data"):
        return path.with_suffix(".sigmf-meta"), path.with_suffix(".sigmf-data")
    meta = path.with_name(path.name + ".sigmf-meta")
    return (meta, path.with_name(path.name + ".sigmf-data")) if meta.exists() else None


def open_iq(name: str | os.PathLike[str], format: str = "auto") -> Recording:
    """Open a raw file of complex numbers, or a SigMF recording.

    Parameters
    ----------
    name
        Of the file; of SigMF either of its two, or what they have in common.
    format
        One of `FORMATS`, with ``_be`` for big-endian; "auto": by the name's ending, or as the
        SigMF recording says.

    Raises
    ------
    ValueError
        If the format is not known, or there are no samples.
    OSError
        If the file cannot be read.
    """
    path = Path(name)
    if format == "auto" and (files := _sigmf_files(path)):
        meta = json.loads(files[0].read_text())
        of_all, captures = meta.get("global", {}), meta.get("captures", [])
        if of_all.get("core:num_channels", 1) != 1:
            raise ValueError(f"{files[0]} has several channels; the IQ player sends one")
        dtype, convert = _parse_format(str(of_all.get("core:datatype")))
        header = int(captures[0].get("core:header_bytes", 0)) if captures else 0
        rows = _rows(files[1], dtype, 2, header)
        return Recording(rows, convert, 1, float(of_all.get("core:sample_rate", 0)))
    if format == "auto":
        ending = path.suffix[1:].lower()
        format = _SUFFIXES.get(ending, ending)
        if format not in FORMATS:
            known = ", ".join(FORMATS)
            raise ValueError(f"the name {path.name} does not say which format; use {known}")
    dtype, convert = _parse_format(format)
    return Recording(_rows(path, dtype, 2), convert, 1, 0)


def simulate(sample_rate: float, frequency: float, noise: float, seed: int = 1) -> Recording:
    """Make up an endless recording: a tone that is switched on and off, in noise."""
    step = 2j * np.pi * frequency / sample_rate

    def convert(numbers: range) -> Array:
        n = np.arange(numbers.start, numbers.stop, dtype=np.float64)
        on = (n / sample_rate) % 1 < 0.75
        rng = np.random.default_rng((seed, numbers.start))
        parts = rng.standard_normal((len(n), 2), dtype=np.float32).view(np.complex64)[:, 0]
        return (on * np.exp(step * n) + noise * parts).astype(np.complex64)

    return Recording(range(2**62), convert, 1, sample_rate)
