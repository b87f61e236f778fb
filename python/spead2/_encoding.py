# SPDX-License-Identifier: Apache-2.0
"""How the values of items become bytes: the layout that a dtype or format asks for.

The extension module encodes the usual values by itself; what it leaves comes here.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _spead2

# Kinds of encoding, as the extension module numbers them.
ARRAY = 0
INTEGER = 1
OTHER = 2


class Layout(NamedTuple):
    """What follows from dtype or format for the encoding of values."""

    kind: int
    dtype: np.dtype[Any]
    bits: int
    number: str = ""
    big_endian: bool = False


def check_shape(shape: Iterable[int | None]) -> tuple[int | None, ...]:
    """Return the dimensions as a tuple; ValueError if there cannot be such a shape."""
    try:
        dimensions = tuple(None if size is None else int(operator.index(size)) for size in shape)
    except TypeError:
        raise TypeError(f"shape must be an iterable of int and None, not {shape!r}") from None
    for size in dimensions:
        if size is not None and not 0 <= size < 2**63:
            raise ValueError(f"shape {dimensions} has a dimension out of range: {size}")
    if dimensions.count(None) > 1:
        raise ValueError(
            f"Cannot have multiple unknown dimensions: shape is {dimensions}, but may have one None"
        )
    return dimensions


def _number_of(dtype: np.dtype[Any]) -> tuple[str, bool]:
    """Kind and byte order of a dtype that the extension module can make of a Python number."""
    sizes = {"u": (1, 2, 4, 8), "i": (1, 2, 4, 8), "f": (4, 8), "b": (1,)}
    if dtype.subdtype is not None or dtype.itemsize not in sizes.get(dtype.kind, ()):
        return "", False
    return dtype.kind, dtype.newbyteorder("B") == dtype


def check_dtype(given: npt.DTypeLike) -> np.dtype[Any]:
    """Return what was given as a dtype; ValueError if its values cannot be sent."""
    try:
        dtype = np.dtype(given)
    except UnicodeError:
        raise
    except ValueError as error:
        raise ValueError(f"Cannot use dtype {given!r}: {error}") from error
    if dtype.hasobject:
        raise ValueError(f"Cannot use dtype {given!r} that has reference-counted objects")
    if dtype.itemsize == 0:
        raise ValueError(f"Cannot use zero-sized dtype {given!r}")
    return dtype


def dtype_layout(dtype: np.dtype[Any]) -> Layout:
    """Layout of items described by a numpy dtype."""
    return Layout(ARRAY, dtype, dtype.itemsize * 8, *_number_of(dtype))


def _field_dtype(code: str, bits: int) -> str | None:
    """Return the numpy type of a format field, None if numpy has none."""
    if code in ("u", "i") and bits in (8, 16, 32, 64):
        return f">{code}{bits // 8}"
    if code == "f":
        return f">f{bits // 8}"
    if code == "b" and bits == 8:
        return "?"
    if code == "c":
        return "S1"
    return None


def check_format(fields: Iterable[Sequence[Any]]) -> list[tuple[str, int]]:
    """Return format fields as a list of pairs; ValueError for illegal ones."""
    result = []
    for field in fields:
        if not hasattr(field, "__len__"):
            raise TypeError(f"format field {field!r} must be a pair of a str and an int")
        if len(field) != 2:
            raise ValueError(f"illegal format field {field!r}: must be a code and a number of bits")
        code, width = field
        if not isinstance(code, str) or not hasattr(width, "__index__"):
            raise TypeError(f"format field {field!r} must be a str and an int")
        bits = operator.index(width)
        if not _spead2.is_legal_field(code, bits):
            raise ValueError(f"illegal format ({code}, {bits}): must be {_spead2.LEGAL_FIELDS}")
        result.append((code, bits))
    if not result:
        raise ValueError("empty format: needs at least one field")
    return result


def format_layout(fields: Sequence[tuple[str, int]], scalar: bool) -> Layout:
    """Layout of items described by format fields."""
    bits = sum(width for _, width in fields)
    types = [_field_dtype(*field) for field in fields]
    if len(fields) == 1:
        code, width = fields[0]
        if types[0] is not None:
            dtype: np.dtype[Any] = np.dtype(types[0])
            return Layout(ARRAY, dtype, bits, *_number_of(dtype))
        if scalar and code in ("u", "i") and width % 8 == 0 and width < 64:
            return Layout(INTEGER, np.dtype(f">{code}8"), bits, code, True)
        return Layout(OTHER, np.dtype(object), bits)
    struct = np.dtype([(f"f{i}", name or object) for i, name in enumerate(types)])
    return Layout(ARRAY if None not in types else OTHER, struct, bits)


def numpy_header(
    dtype: np.dtype[Any], order: str, shape: tuple[int | None, ...], swap: bool
) -> str:
    """Text of the numpy header that describes an array.

    Parameters
    ----------
    swap
        Whether to name the other byte order than the data has (BUG_COMPAT_SWAP_ENDIAN).
    """
    if swap:
        dtype = dtype.newbyteorder()
    descr = dtype.descr if dtype.names is not None else dtype.str
    return repr({"descr": descr, "fortran_order": order == "F", "shape": shape})


@functools.lru_cache(maxsize=256)
def _padding(dtype: np.dtype[Any]) -> npt.NDArray[np.bool_]:
    """Tell of each byte of an element whether nothing of the value is in it."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return np.tile(_padding(base), int(np.prod(shape)))
    padding = np.zeros(dtype.itemsize, np.bool_)
    if dtype.names is not None:
        padding[:] = True
        for field in dtype.fields.values() if dtype.fields else ():
            kind, offset = field[:2]
            padding[offset : offset + kind.itemsize] &= _padding(kind)
    elif dtype.kind in "fc" and np.finfo(np.longdouble).nmant == 63:
        # Long doubles of x86: 80 bits, and then nothing.
        size = np.dtype(np.longdouble).itemsize
        if dtype.itemsize == size * (1 if dtype.kind == "f" else 2):
            part = np.arange(size) >= 10
            padding = np.tile(part if dtype.isnative else part[::-1], dtype.itemsize // size)
    return padding


def _without_stale_padding(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a copy of an array, of the same order, in which padding is zero."""
    copy = np.copy(array)  # keeps the order
    raw = copy.T if copy.flags.f_contiguous and not copy.flags.c_contiguous else copy
    raw.reshape(-1).view(np.uint8).reshape(-1, copy.itemsize)[:, _padding(copy.dtype)] = 0
    return copy


def to_array(
    value: Any,
    dtype: np.dtype[Any],
    shape: tuple[int | None, ...],
    order: Literal["C", "F"],
) -> npt.NDArray[Any]:
    """Return a value as an array that has a shape compatible with that of the description."""
    if len(shape) == 1 and isinstance(value, (str, bytes)):
        value = [value[i : i + 1] for i in range(len(value))]
    if not shape and isinstance(value, int) and dtype.kind in "ui":
        # Old versions of numpy wrap around.
        limits = np.iinfo(dtype)
        if not limits.min <= value <= limits.max:
            raise OverflowError(_spead2.out_of_range_text(value, dtype.kind, 8 * dtype.itemsize))
    array = np.asarray(value, dtype=dtype, order=order)
    if _padding(dtype).any() and not (
        isinstance(value, np.ndarray) and np.may_share_memory(array, value)
    ):
        array = _without_stale_padding(array)
    compatible = array.ndim == len(shape) and all(
        expected is None or expected == size for expected, size in zip(shape, array.shape)
    )
    if not compatible:
        raise ValueError(f"Value has shape {array.shape}, expected {shape}")
    return array


def encode_integer(value: Any, layout: Layout) -> npt.NDArray[np.uint8]:
    """Return the low-order bytes of a number, as big-endian integer."""
    size = layout.bits // 8
    if isinstance(value, np.ndarray) and value.dtype in (np.dtype(">u8"), np.dtype(">i8")):
        array = to_array(value, value.dtype, (), "C")
    elif isinstance(value, (int, np.integer)):
        number = int(value)
        half = 2 ** (layout.bits - 1)
        # An unsigned number alone wraps: only its low bits are sent.
        if not (0 <= number < 2**64 if layout.number == "u" else -half <= number < half):
            raise OverflowError(
                _spead2.out_of_range_text(number, layout.number, layout.bits, wraps=True)
            )
        array = np.array(number % 2**64, ">u8")
    else:
        array = to_array(value, layout.dtype, (), "C")
    return array.reshape(1).view(np.uint8)[8 - size :]


def _integers(value: Any) -> npt.NDArray[Any] | None:
    """Return integers as an array of 64-bit ones; None if the value is something else."""
    try:
        array = np.asarray(value)
    except ValueError:  # ragged
        return None
    if array.dtype.kind not in "uib":
        return None
    return array.astype("=i8" if array.dtype.kind == "i" else "=u8", copy=False)


def encode_bits(
    value: Any, layout: Layout, fields: Sequence[tuple[str, int]], shape: tuple[int | None, ...]
) -> bytearray:
    """Pack the elements of a value bit by bit, most significant first."""
    code, bits = fields[0]
    if len(fields) == 1 and bits <= 64 and not isinstance(value, (str, bytes)):
        integers = _integers(value)
        if integers is not None:
            array = to_array(integers, integers.dtype, shape, "C")
            return _spead2.pack_bits(array, array.dtype.kind == "i", code, bits)
    elements = list(to_array(value, layout.dtype, shape, "C").flat)
    return _spead2.pack_fields(elements, list(fields))


def encode(
    value: Any,
    layout: Layout,
    fields: Sequence[tuple[str, int]],
    shape: tuple[int | None, ...],
    order: Literal["C", "F"],
) -> Any:
    """Return a value as an object whose memory is the encoded value."""
    if layout.kind == INTEGER:
        return encode_integer(value, layout)
    if layout.kind == OTHER:
        return encode_bits(value, layout, fields, shape)
    array = to_array(value, layout.dtype, shape, order)
    # The transpose of an array in Fortran order is one in C order.
    return array.T if order == "F" else array
