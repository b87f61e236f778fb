# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for heaps with values of all kinds, and what a receiver must get."""

from __future__ import annotations

import dataclasses
import os
import struct
from typing import Any

import hypothesis
import numpy as np
import recipes
from hypothesis import strategies as st

ORDINARY = ["|b1", "|i1", "|u1", "|S1", "|S3", "|V5"]
ORDERED = ["i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16", "U1", "U3"]
SCALARS = [*ORDINARY, *(order + name for name in ORDERED for order in "<>")]


def examples(number: int) -> hypothesis.settings:
    """Decorate a test to be run with so many examples, or SPEAD2_EXAMPLES times as many."""
    return hypothesis.settings(max_examples=number * int(os.environ.get("SPEAD2_EXAMPLES", "1")))


@dataclasses.dataclass(frozen=True)
class Sample:
    """An item, and its value as decoder.decode_value() must return it."""

    description: recipes.Description
    expected: Any


def shapes(max_dimensions: int = 3) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.integers(0, 4), max_size=max_dimensions).map(tuple)


@st.composite
def dtypes(draw: st.DrawFn, depth: int = 2) -> np.dtype[Any]:
    if depth == 0 or draw(st.integers(0, 3)):
        return np.dtype(draw(st.sampled_from(SCALARS)))
    fields: list[Any] = []
    for name in "abcd"[: draw(st.integers(1, 4))]:
        kind = draw(dtypes(depth=depth - 1))
        inner = draw(st.lists(st.integers(1, 3), max_size=2).map(tuple))
        fields.append((name, kind, inner) if inner else (name, kind))
    dtype = np.dtype(fields)
    # Also with padding between the fields. The numbers' alignments differ between no machines.
    return np.dtype(fields, align=True) if draw(st.booleans()) and depth == 2 else dtype


def random_array(dtype: np.dtype[Any], shape: tuple[int, ...], seed: int) -> np.ndarray[Any, Any]:
    """Return an array of random bits, as far as each of its bits may be anything."""
    rng = np.random.default_rng(seed)
    count = int(np.prod(shape, dtype=int))
    array = np.frombuffer(rng.bytes(count * dtype.itemsize), dtype).reshape(shape).copy()
    _make_valid(array, rng)
    return array


def _make_valid(array: np.ndarray[Any, Any], rng: np.random.Generator) -> None:
    if array.dtype.names is not None:
        for name in array.dtype.names:
            _make_valid(array[name], rng)
    elif array.dtype.kind == "b":
        array[...] = rng.integers(0, 2, array.shape).astype(bool)
    elif array.dtype.kind == "U":
        width = array.dtype.itemsize // 4
        letters = rng.integers(65, 91, (*array.shape, width)).astype(np.uint8)
        words = np.ascontiguousarray(letters).view(f"S{width}")[..., 0]
        array[...] = words.astype(f"U{width}")


@st.composite
def dtype_samples(draw: st.DrawFn, identifier: int, name: str) -> Sample:
    dtype = draw(dtypes())
    shape = draw(shapes())
    array = random_array(dtype, shape, draw(st.integers(0, 2**32 - 1)))
    order = draw(st.sampled_from("CF"))
    forms = ["C", "F", "strided", "read-only"]
    if dtype.names is None and dtype.kind != "V":
        forms.append("swapped")
    if dtype.kind in "biuS" and 0 not in shape:
        forms.append("list")
    if dtype.isalignedstruct:  # copies may have other bytes between the fields
        order, forms = "C", ["C", "read-only"]
    form = draw(st.sampled_from(forms))
    value: Any
    if form == "list":
        value = array.tolist()
    elif form == "swapped":
        other = array.astype(dtype.newbyteorder())
        value = recipes.Array(recipes.to_descr(other.dtype), shape, other.tobytes())
    else:
        value = recipes.Array(recipes.to_descr(dtype), shape, array.tobytes(), form)
    description = recipes.Description(
        identifier, name, draw(texts()), shape, recipes.to_descr(dtype), order, None, value
    )
    return Sample(description, array)


def texts() -> st.SearchStrategy[str]:
    return st.text(st.characters(max_codepoint=127), max_size=12)


#: Widths that are packed bit by bit.
WIDTHS = st.one_of(st.integers(1, 72), st.sampled_from([8, 16, 24, 32, 40, 48, 56, 64, 128]))


def fields() -> st.SearchStrategy[tuple[str, int]]:
    return st.one_of(
        st.tuples(st.sampled_from("ui"), WIDTHS),
        st.tuples(st.sampled_from("ui"), st.sampled_from([8, 16, 24, 32, 40, 48, 56, 64])),
        st.tuples(st.just("f"), st.sampled_from([32, 64])),
        st.tuples(st.just("b"), st.sampled_from([1, 2, 3, 8])),
        st.tuples(st.just("c"), st.just(8)),
    )


def field_values(code: str, bits: int) -> st.SearchStrategy[Any]:
    if code == "u":
        return _near_limits(0, 2**bits - 1)
    if code == "i":
        return _near_limits(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if code == "f":
        return st.floats(allow_nan=False, width=32 if bits == 32 else 64)
    if code == "b":
        return st.booleans()
    return st.integers(0, 255).map(lambda number: bytes([number]))


def _near_limits(low: int, high: int) -> st.SearchStrategy[int]:
    return st.one_of(
        st.integers(low, high), st.sampled_from([low, high, min(low + 1, high), max(0, low)])
    )


@st.composite
def format_samples(draw: st.DrawFn, identifier: int, name: str) -> Sample:
    chosen = draw(st.lists(fields(), min_size=1, max_size=3))
    shape: list[int | None] = list(draw(shapes(2)))
    sizes = [size or 0 for size in shape]
    if shape and draw(st.booleans()):
        # Padding of less than a byte can come to more of short elements, but only at the end.
        last = 0 if sum(bits for _, bits in chosen) < 8 else len(shape) - 1
        shape[draw(st.integers(0, last))] = None
    # A list cannot say how large the dimensions behind one of size 0 are; a receiver cannot work
    # out a variable dimension beside one of size 0.
    if 0 in sizes[:-1] or (0 in sizes and None in shape and 0 in shape):
        sizes = [max(1, size) for size in sizes]
        shape = [None if old is None else size for old, size in zip(shape, sizes)]
    one = st.tuples(*(field_values(*field) for field in chosen))
    count = int(np.prod(sizes, dtype=int))
    elements = [draw(one) for _ in range(count)]
    plain = elements if len(chosen) > 1 else [element[0] for element in elements]
    value = _nest(plain, sizes)
    description = recipes.Description(
        identifier, name, draw(texts()), tuple(shape), None, "C", chosen, value
    )
    return Sample(description, value)


def _nest(elements: list[Any], sizes: list[int]) -> Any:
    if not sizes:
        return elements[0]
    step = len(elements) // sizes[0] if sizes[0] else 0
    return [_nest(elements[i * step : (i + 1) * step], sizes[1:]) for i in range(sizes[0])]


@st.composite
def text_samples(draw: st.DrawFn, identifier: int, name: str) -> Sample:
    if draw(st.booleans()):
        value: Any = draw(texts())
        data = value.encode("ascii")
    else:
        value = data = draw(st.binary(max_size=20))
    shape = draw(st.sampled_from([(None,), (len(data),)]))
    description = recipes.Description(identifier, name, "", shape, None, "C", [("c", 8)], value)
    return Sample(description, [data[i : i + 1] for i in range(len(data))])


def samples(identifier: int, name: str) -> st.SearchStrategy[Sample]:
    return st.one_of(
        dtype_samples(identifier, name),
        format_samples(identifier, name),
        text_samples(identifier, name),
    )


def flavours(min_bits: int = 8) -> st.SearchStrategy[tuple[int, int, int, int]]:
    widths = st.sampled_from(range(min_bits, 64, 8))
    return st.tuples(st.just(4), st.just(64), st.one_of(st.just(40), widths), st.integers(0, 7))


def packet_sizes() -> st.SearchStrategy[int]:
    return st.one_of(st.integers(56, 200), st.sampled_from([1472, 8972, 65507]))


@st.composite
def heap_samples(
    draw: st.DrawFn, flavour: tuple[int, int, int, int], max_parts: int = 8
) -> tuple[recipes.HeapRecipe, list[tuple[str, Sample | None]]]:
    """Return a heap, and its parts with what they must become."""
    # A descriptor holds the ID in an immediate.
    largest = min(2 ** (63 - flavour[2]), 2 ** flavour[2]) - 1
    ids = draw(
        st.lists(st.integers(7, largest), unique=True, max_size=max_parts)  # above reserved ones
    )
    parts: list[tuple[str, Sample | None]] = []
    for number, identifier in enumerate(ids):
        sample = draw(samples(identifier, f"item {number}"))
        which = draw(st.sampled_from(["item", "item", "descriptor", "both"]))
        if which in ("descriptor", "both"):
            parts.append(("descriptor", sample))
        if which in ("item", "both"):
            parts.append(("item", sample))
    for control in draw(st.lists(st.sampled_from(["start", "end"]), max_size=2)):
        parts.insert(draw(st.integers(0, len(parts))), (control, None))
    recipe = recipes.HeapRecipe(
        flavour,
        tuple(recipes.Part(kind, sample and sample.description) for kind, sample in parts),
        draw(st.booleans()),
    )
    return recipe, parts


def matches(decoded: Any, expected: Any) -> bool:
    """Compare values bit by bit. More elements than expected must be zeros that padding made."""
    if isinstance(expected, np.ndarray):
        return bool(
            decoded.dtype == expected.dtype
            and decoded.shape == expected.shape
            and _same_bytes(decoded, expected)
        )
    if isinstance(expected, (list, tuple)):
        if len(decoded) < len(expected) or (
            isinstance(expected, tuple) and len(decoded) != len(expected)
        ):
            return False
        return all(map(matches, decoded, expected)) and not any(
            _is_set(extra) for extra in decoded[len(expected) :]
        )
    if isinstance(expected, float):
        return struct.pack(">d", decoded) == struct.pack(">d", expected)
    return bool(decoded == expected)


def _same_bytes(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    if a.dtype.names is not None:  # not the padding between fields
        return all(_same_bytes(a[name], b[name]) for name in a.dtype.names)
    return a.tobytes() == b.tobytes()


def _is_set(element: Any) -> bool:
    if isinstance(element, (list, tuple)):
        return any(map(_is_set, element))
    return element not in (0, b"\0", False, 0.0)
