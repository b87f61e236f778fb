# SPDX-License-Identifier: Apache-2.0
"""How received bytes become descriptions and values; the other direction is in _encoding.

The extension module decodes the usual values by itself; what it leaves comes here.
"""

from __future__ import annotations

import ast
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _encoding

_KEYS = ["descr", "fortran_order", "shape"]

# Parsing takes time and memory in proportion, and what a network sends must not take much.
_MAX_HEADER = 2**16


class NumpyHeader(NamedTuple):
    """What a numpy header says."""

    dtype: np.dtype[Any]
    order: Literal["C", "F"]
    shape: tuple[int, ...]


def parse_numpy_header(header: bytes, swap: bool) -> NumpyHeader:
    """Read a numpy header; ValueError for one that describes no usable array.

    Parameters
    ----------
    header
        A Python literal; no code in it is run.
    swap
        Whether it names the other byte order than the data has (BUG_COMPAT_SWAP_ENDIAN).
    """
    text = header.decode("ascii")
    if len(text) > _MAX_HEADER:
        raise ValueError(
            f"Cannot parse descriptor: {len(text)} characters are more than {_MAX_HEADER}"
        )
    try:
        content = ast.literal_eval(text.strip())
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(f"Cannot parse descriptor: {_shorten(text)}\n{error!r}") from error
    if not isinstance(content, dict):
        raise ValueError(f"Descriptor is not a dictionary: {_shorten(content)}")
    if sorted(content, key=repr) != _KEYS:
        keys = sorted(content, key=repr)
        raise ValueError(f"Descriptor does not contain the correct keys: {_shorten(keys)}")
    shape, order, descr = content["shape"], content["fortran_order"], content["descr"]
    if not isinstance(shape, tuple) or not all(
        isinstance(size, int) and 0 <= size < 2**63 for size in shape
    ):
        raise ValueError(f"shape is not valid: {_shorten(shape)}")
    if not isinstance(order, bool):
        raise ValueError(f"fortran_order is not a valid bool: {_shorten(order)}")
    try:
        dtype = np.dtype(descr)
    except Exception as error:  # numpy raises various ones
        raise ValueError(f"descr is not a valid dtype descriptor: {_shorten(descr)}") from error
    if dtype.hasobject:
        raise ValueError("Cannot use dtype that has reference-counted objects")
    if dtype.itemsize == 0:
        raise ValueError("Cannot use zero-sized dtype")
    return NumpyHeader(
        dtype.newbyteorder() if swap else dtype,
        "F" if order else "C",
        tuple(int(size) for size in shape),
    )


def check_raw_format(fields: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Check a format that came over the network; ValueError if nothing can be decoded by it."""
    if not fields:
        raise ValueError("empty format")
    for code, bits in fields:
        if bits == 0:
            raise ValueError("zero-length field (bug_compat mismatch?)")
        if (
            code not in "uibcf"
            or (code == "c" and bits != 8)
            or (code == "f" and bits not in (32, 64))
        ):
            raise ValueError(f"illegal format ({code}, {bits})")
    return _encoding.check_format(fields)


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "..."


class TooFewError(ValueError):
    """There are fewer bytes than the shape needs."""


def decode(
    data: memoryview,
    is_immediate: bool,
    layout: _encoding.Layout,
    fields: Sequence[tuple[str, int]],
    shape: tuple[int | None, ...],
    order: Literal["C", "F"],
    new_order: Any,
) -> Any:
    """Return the value that received bytes stand for.

    Parameters
    ----------
    data
        All bytes of the item, those of the address field for an immediate. Arrays refer to them
        where the byte order allows it.
    layout, fields, shape, order
        Of the descriptor.
    new_order
        Byte order of numpy types, as numpy.dtype.newbyteorder() takes it.

    Raises
    ------
    TooFewError
        If the bytes do not suffice.
    ValueError
        If `new_order` or a character is none.
    """
    sizes, n = _resolve(shape, layout.bits, 8 * len(data))
    if is_immediate and None not in shape:
        used = (n * layout.bits + 7) // 8
        if used <= len(data):
            data = data[len(data) - used :]
    available = 8 * len(data) // layout.bits
    if available < n:
        raise TooFewError(f"too few elements for shape ({available} < {n})")
    if layout.kind == _encoding.ARRAY:
        return _decode_array(data, layout.dtype, fields, sizes, order, new_order)
    elements = unpack(data, fields, n)
    if not sizes and len(fields) == 1:
        return next(iter(elements))
    array = np.empty(sizes, np.dtype(object) if len(fields) == 1 else layout.dtype)
    flat = array.reshape(n)
    for i, element in enumerate(elements):
        flat[i] = element
    return array if sizes else array[()]


def _resolve(shape: Iterable[int | None], bits: int, n_bits: int) -> tuple[tuple[int, ...], int]:
    """Sizes of all dimensions, and how many elements these are."""
    sizes = list(shape)
    known = 1
    for size in sizes:
        if size is not None:
            known *= size
    if None in sizes:
        unknown = n_bits // bits // known if known else 0
        sizes[sizes.index(None)] = unknown
        known *= unknown
    return tuple(size or 0 for size in sizes), known


def _decode_array(
    data: memoryview,
    dtype: np.dtype[Any],
    fields: Sequence[tuple[str, int]],
    sizes: tuple[int, ...],
    order: Literal["C", "F"],
    new_order: Any,
) -> Any:
    array: npt.NDArray[Any]
    if 0 in sizes:
        array = np.empty(sizes, dtype, order)
    else:
        array = np.ndarray(sizes, dtype, data, order=order)
    native = array.dtype.newbyteorder(new_order)  # of the numbers, if elements are arrays
    if native != array.dtype:
        array = array.astype(native, order="K")
    if fields == [("c", 8)] and len(sizes) == 1:
        return array.tobytes().replace(b"\0", b"").decode("ascii")
    if array.ndim:
        return array
    try:
        return array[()]
    except SystemError as error:  # what numpy says of numbers that are no characters
        raise ValueError(f"{bytes(data[:64])!r} is no text of {dtype}: {error}") from error


def unpack(data: memoryview, fields: Sequence[tuple[str, int]], n: int) -> Iterator[Any]:
    """Yield elements that are packed bit by bit, most significant first.

    An element of several fields is a tuple.
    """
    at = 0  # in bits
    for _ in range(n):
        element = []
        for code, bits in fields:
            end = at + bits
            number = int.from_bytes(data[at // 8 : (end + 7) // 8], "big")
            element.append(_to_value(number >> -end % 8 & ((1 << bits) - 1), code, bits))
            at = end
        yield tuple(element) if len(fields) > 1 else element[0]


def _to_value(number: int, code: str, bits: int) -> Any:
    if code == "i":
        return number - (1 << bits) if number >> (bits - 1) else number
    if code == "b":
        return number != 0
    if code == "f":
        return struct.unpack(">f" if bits == 32 else ">d", number.to_bytes(bits // 8, "big"))[0]
    if code == "c":
        return bytes([number])
    return number
