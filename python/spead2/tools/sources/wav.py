# SPDX-License-Identifier: Apache-2.0
"""Where the samples of a WAV file lie and what they are; the standard library knows no floats."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_TYPES = {
    (_PCM, 8): "u1",
    (_PCM, 16): "<i2",
    (_PCM, 32): "<i4",
    (_FLOAT, 32): "<f4",
    (_FLOAT, 64): "<f8",
}


@dataclass(frozen=True)
class Layout:
    """What the header says."""

    dtype: np.dtype[Any]
    channels: int
    sample_rate: int
    offset: int  #: of the first sample
    size: int  #: bytes of samples


def read_header(path: Path) -> Layout:
    """Return the layout of a file.

    Raises
    ------
    ValueError
        If it is no WAV file, or its samples are of a type that numpy has not (24 bits, compressed).
    """
    end = path.stat().st_size
    form = None
    with path.open("rb") as stream:
        riff = stream.read(12)
        if riff[:4] != b"RIFF" or riff[8:] != b"WAVE":
            raise ValueError("not a WAV file")
        while True:
            head = stream.read(8)
            if len(head) < 8:
                raise ValueError("the file ends before its samples")
            name, size = struct.unpack("<4sI", head)
            if name == b"fmt ":
                form = stream.read(size)
            elif name == b"data":
                break
            stream.seek(size + size % 2 - (size if name == b"fmt " else 0), 1)
        offset = stream.tell()
    if form is None or len(form) < 16:
        raise ValueError("the samples are not described")
    code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", form[:16])
    if code == _EXTENSIBLE and len(form) >= 26:
        (code,) = struct.unpack("<H", form[24:26])
    if (code, bits) not in _TYPES or channels == 0:
        raise ValueError(f"cannot send samples of format {code} with {bits} bits")
    # A recorder that was cut off, or writes more than 4 GiB, leaves a size that does not fit.
    return Layout(np.dtype(_TYPES[code, bits]), channels, rate, offset, min(size, end - offset))
