# SPDX-License-Identifier: Apache-2.0
"""Descriptions go to their raw form and come back, and what a network may send is refused."""

from __future__ import annotations

import contextlib
from typing import Any

import hypothesis
import numpy as np
import pytest
import strategies
from hypothesis import strategies as st

import spead2
from spead2._spead2 import RawDescriptor


def raw(
    header: str = "", shape: Any = (), format: Any = (), name: bytes = b"nm", id: int = 0x1234
) -> RawDescriptor:
    descriptor = RawDescriptor()
    descriptor.id = id
    descriptor.name = name
    descriptor.description = b"desc"
    descriptor.shape = shape
    descriptor.format = format
    descriptor.numpy_header = header.encode("latin-1")
    return descriptor


def header(descr: str = "'<f4'", order: str = "False", shape: str = "(2,)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}"


def understand(descriptor: RawDescriptor, bug_compat: int = 0) -> spead2.Descriptor:
    return spead2.Descriptor.from_raw(descriptor, spead2.Flavour(4, 64, 48, bug_compat))


@hypothesis.given(sample=strategies.samples(0x1234, "name"), bug_compat=st.integers(0, 7))
def test_round_trip(sample: strategies.Sample, bug_compat: int) -> None:
    flavour = spead2.Flavour(4, 64, 40, bug_compat)
    sent = spead2.Descriptor(**sample.description.arguments())
    got = spead2.Descriptor.from_raw(sent.to_raw(flavour), flavour)
    for attribute in ("id", "name", "description", "shape", "order", "format"):
        assert getattr(got, attribute) == getattr(sent, attribute)
    dtype = sent.dtype
    if dtype is not None and dtype.names is not None:
        dtype = np.dtype(dtype.descr)  # gaps between fields come as fields
    assert got.dtype == dtype
    assert got.itemsize_bits == sent.itemsize_bits


def test_raw_descriptors_show_what_they_have() -> None:
    assert (
        repr(raw(header(), (2,))) == f"<RawDescriptor 0x1234 b'nm', shape [2], {header().encode()}>"
    )
    assert repr(raw("", (), [("u", 8)])) == "<RawDescriptor 0x1234 b'nm', shape [], [('u', 8)]>"


def test_raw_form_of_a_dtype() -> None:
    descriptor = spead2.Descriptor(5, "n", "d", (3, 4), "<f4", "F")
    plain = descriptor.to_raw(spead2.Flavour())
    assert (plain.id, plain.name, plain.description) == (5, b"n", b"d")
    assert (plain.shape, plain.format) == ([3, 4], [])
    assert plain.numpy_header == header("'<f4'", "True", "(3, 4)").encode()
    swapped = descriptor.to_raw(spead2.Flavour(4, 64, 48, spead2.BUG_COMPAT_SWAP_ENDIAN))
    assert swapped.numpy_header == header("'>f4'", "True", "(3, 4)").encode()


def test_raw_form_of_a_format() -> None:
    descriptor = spead2.Descriptor(5, "n", "d", (3, None), format=[("u", 12), ("b", 4)])
    plain = descriptor.to_raw(spead2.Flavour())
    assert (plain.shape, plain.format, plain.numpy_header) == (
        [3, None],
        [("u", 12), ("b", 4)],
        b"",
    )


def test_texts_must_be_ascii() -> None:
    descriptor = spead2.Descriptor(5, "é", "d", (), "<f4")
    with pytest.raises(UnicodeEncodeError):
        descriptor.to_raw(spead2.Flavour())
    for bad in (raw(name=b"\xff", format=[("u", 8)]), raw(header="\xff")):
        with pytest.raises(UnicodeDecodeError):
            understand(bad)


def test_shape_and_format_on_the_wire_do_not_count_beside_a_header() -> None:
    got = understand(raw(header("[('a', '<u2'), ('b', '>f4', (2,))]"), [7], [("q", 0)]))
    assert got.shape == (2,)
    assert got.format is None
    assert got.dtype == np.dtype([("a", "<u2"), ("b", ">f4", (2,))])


def test_swapped_byte_order_of_old_senders() -> None:
    for bug_compat, expected in ((0, ">f4"), (spead2.BUG_COMPAT_SWAP_ENDIAN, "<f4")):
        assert understand(raw(header("'>f4'")), bug_compat).dtype == np.dtype(expected)


def test_items_are_made_too() -> None:
    item = spead2.Item.from_raw(raw(header() + " \n"), spead2.Flavour())
    assert isinstance(item, spead2.Item)
    assert (item.value, item.version) == (None, 1)


@pytest.mark.parametrize(
    ("descriptor", "text"),
    [
        (raw("foo("), "Cannot parse descriptor"),
        (raw("foo()"), "Cannot parse descriptor"),
        (raw("\0{}"), "Cannot parse descriptor"),
        (raw("(" * 3000), "Cannot parse descriptor"),
        (raw("-" * 60000 + "1"), "Cannot parse descriptor"),
        (raw("-" * 70000 + "1"), "70001 characters are more than 65536"),
        (raw("[1]"), r"Descriptor is not a dictionary: \[1\]"),
        (raw("{1: 2}"), r"does not contain the correct keys: \[1\]"),
        (raw("{'descr': '<f4', 'shape': ()}"), "correct keys: .'descr', 'shape'.$"),
        (raw(header(shape="[3]")), r"shape is not valid: \[3\]"),
        (raw(header(shape="(-1,)")), r"shape is not valid: \(-1,\)"),
        (raw(header(shape=f"({2**70},)")), "shape is not valid"),
        (raw(header(order="1")), "fortran_order is not a valid bool: 1"),
        (raw(header("'blah'")), "descr is not a valid dtype descriptor: 'blah'"),
        (raw(header("5")), "descr is not a valid dtype descriptor: 5"),
        (raw(header("'O'")), "Cannot use dtype that has reference-counted objects"),
        (raw(header("'S0'")), "Cannot use zero-sized dtype"),
        (raw(), "empty format"),
        (raw(format=[("u", 0)]), "zero-length field .bug_compat mismatch"),
        (raw(format=[("f", 16)]), r"illegal format \(f, 16\)"),
        (raw(format=[("c", 16)]), r"illegal format \(c, 16\)"),
        (raw(format=[("0", 8)]), r"illegal format \(0, 8\)"),
        (raw(format=[("é", 8)]), r"illegal format \(é, 8\)"),
        (raw(shape=[None, None], format=[("u", 8)]), "multiple unknown dimensions"),
    ],
)
def test_what_is_no_description(descriptor: RawDescriptor, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        understand(descriptor)


@pytest.mark.parametrize(
    ("attribute", "value", "error"),
    [
        ("id", 2**64, TypeError),
        ("id", 1.5, TypeError),
        ("name", "text", TypeError),
        ("shape", 5, TypeError),
        ("shape", [1.5], TypeError),
        ("format", [("uu", 8)], ValueError),
        ("format", [("", 8)], ValueError),
        ("format", [("u",)], TypeError),
        ("format", [("u", -1)], TypeError),
        ("format", 5, TypeError),
    ],
)
def test_raw_attributes_are_checked(attribute: str, value: Any, error: type[Exception]) -> None:
    descriptor = raw()
    before = getattr(descriptor, attribute)
    with pytest.raises(error):
        setattr(descriptor, attribute, value)
    assert getattr(descriptor, attribute) == before


def test_negative_dimensions_are_variable_ones() -> None:
    assert raw(shape=[1, None, -3]).shape == [1, None, None]


@hypothesis.given(text=st.text(st.characters(max_codepoint=255), max_size=80))
def test_any_header_is_understood_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        understand(raw(text or "x"))
