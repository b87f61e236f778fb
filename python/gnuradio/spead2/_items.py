# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes into heaps: samples (`item`) and single values beside them."""

from __future__ import annotations

import numbers
import re
from collections.abc import Iterable, Sequence
from typing import Any, Union

import numpy as np

import spead2

from . import spead2_python as _blocks
from ._checks import Value, number, scalar_value, whole
from .spead2_python import Item, ScalarItem

DType = Any  # what numpy takes, or a name of this module
ItemLike = Union[Item, "spead2.Descriptor", Sequence[Any]]

_GNURADIO_NAMES = frozenset(("complex", "float", "int", "short", "byte", "sc8", "sc16"))


def _sample_dtype(dtype: DType) -> str:
    # GNU Radio's names come first: its "int" has 32 bits, numpy's 64.
    if isinstance(dtype, str) and dtype in _GNURADIO_NAMES:
        return dtype
    try:
        return str(np.dtype(dtype).str)
    except TypeError:
        return str(dtype)  # the block says which there are


def _scalar_dtype(dtype: DType) -> str:
    if dtype is str:
        return "str"
    # Passed on as they are, since numpy has no name for uint48 and its like.
    if isinstance(dtype, str) and re.fullmatch(r"str|(u?int|float)\d+", dtype):
        return dtype
    return str(np.dtype(dtype).name)


def item(
    id: int, name: str, description: str, dtype: DType, shape: Sequence[int] | int = ()
) -> Item:
    """Describe the samples of an input port, or of PDUs.

    Parameters
    ----------
    id
        Item ID; 0x1000 and above are free to use.
    name, description
        ASCII texts for the receiver.
    dtype
        Type of an element: what numpy takes, or a name of GNU Radio ("complex", "float", "int",
        "short", "byte"), or "sc8" and "sc16" for complex numbers as pairs of integers.
    shape
        Elements of one item of GNU Radio's; empty for one, ``n`` or ``(n,)`` for vectors.

    Raises
    ------
    ValueError
        If GNU Radio has no streams of this type.
    """
    item_id = whole("id", id, 0)
    for text in (name, description):
        if not isinstance(text, str):
            raise TypeError(f"item {item_id:#x}: {text!r} must be a str")
    if isinstance(shape, (str, bytes)):
        raise TypeError(f"item {name!r}: shape is {shape!r}, but must be a number or a tuple")
    dimensions = tuple(shape) if isinstance(shape, Iterable) else (shape,)
    sizes = [whole(f"item {name!r}: a dimension", n) for n in dimensions]
    return Item(item_id, name, description, _sample_dtype(dtype), sizes)


def tag_item(
    id: int,
    name: str,
    description: str,
    key: str,
    *,
    dtype: DType = "uint64",
    sticky: bool = True,
    port: int = 0,
    rate: float = 0.0,
    step: float = 0.0,
    initial: Value | None = None,
) -> ScalarItem:
    """Describe an item with the value of a stream tag (for PDUs: of a metadata entry).

    A value that `dtype` cannot hold is left out, counted and logged.

    Parameters
    ----------
    id, name, description
        As for `item`.
    key
        Key of the tag, for example "rx_freq".
    dtype
        "uint8" to "uint64" and "int8" to "int64" in steps of 8 bits, "float32", "float64", "str".
    sticky
        True: a heap has the value of the last tag at or before its first sample. False: a heap
        in which the tag stands has its value (the first one's), others have none.
    port
        Input port that the tag is read from.
    rate
        A time (UHD's rx_time) becomes ticks of this rate; without it, seconds in a float `dtype`.
    step
        Added for each sample from the tag to the heap's first one.
    initial
        Value where there is no tag (yet). Without it the item is left out there.
    """
    return _blocks.tag_item(
        whole("id", id, 0),
        name,
        description,
        key,
        _scalar_dtype(dtype),
        sticky,
        whole("port", port),
        number("rate", rate),
        number("step", step),
        None if initial is None else scalar_value("initial", initial),
    )


def counter_item(
    id: int,
    name: str,
    description: str,
    *,
    start: int = 0,
    step: int = 1,
    dtype: DType = "uint64",
) -> ScalarItem:
    """Describe an item that counts samples: a timestamp.

    Its value is `start` plus `step` times the number of the heap's first sample since the flowgraph
    started, modulo what `dtype` holds.
    """
    # The counter wraps at the size of the dtype, so it may start below 0 as well.
    first = whole("start", start, most=2**64 - 1) % 2**64
    return _blocks.counter_item(
        whole("id", id, 0), name, description, first, step, _scalar_dtype(dtype)
    )


def constant_item(
    id: int, name: str, description: str, value: Value, dtype: DType = None
) -> ScalarItem:
    """Describe an item with the same `value` in every heap.

    Without a `dtype` it is int64, float64 or str, whatever `value` is.
    """
    code = "" if dtype is None else _scalar_dtype(dtype)
    return _blocks.constant_item(
        whole("id", id, 0), name, description, scalar_value("value", value), code
    )


def to_item(value: ItemLike) -> Item:
    if isinstance(value, Item):
        return value
    if isinstance(value, spead2.Descriptor):
        if value.dtype is None:
            raise ValueError(
                f"item {value.name!r} has a format; the samples of GNU Radio need a dtype"
            )
        dimensions: Any = value.shape  # one that is variable is refused below
        return item(value.id, value.name, value.description, value.dtype, dimensions)
    if isinstance(value, list) and value and isinstance(value[0], (tuple, list, Item)):
        raise TypeError(f"{value!r} is a list of items, but one item is needed")
    if not isinstance(value, (tuple, list)) or len(value) not in (4, 5):
        raise TypeError(
            f"{value!r} is no item; use item(...), a spead2.Descriptor, or a tuple (id, name, "
            "description, dtype) with the shape as a fifth for vectors"
        )
    return item(*value)


def to_items(values: ItemLike | Iterable[ItemLike]) -> list[Item]:
    if isinstance(values, (Item, spead2.Descriptor)):
        return [to_item(values)]
    if isinstance(values, (tuple, list)) and values and isinstance(values[0], numbers.Real):
        return [to_item(values)]
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"items is {values!r}, but must be an item or a list of items")
    return [to_item(value) for value in values]
