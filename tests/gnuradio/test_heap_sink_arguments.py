# SPDX-License-Identifier: Apache-2.0
"""Arguments of heap_sink: their forms, and the errors that name what is wrong."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gnuradio import spead2 as sinks
from gnuradio_fixtures import run_graph, source
from sink_inputs import SAMPLES, Receive, complex_ramp, tcp_sink

import spead2
import spead2.send


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"items": []}, "items is empty"),
        ({"items": [(0, "a", "", "f4")]}, "id 0 is reserved"),
        ({"items": [(2**23, "a", "", "f4")]}, "8388608"),
        ({"items": [(0x1000, "a", "", "f4"), (0x1000, "b", "", "f4")]}, "4096 is used twice"),
        ({"items": [(0x1000, "a", "", "f4"), (0x1001, "a", "", "f4")]}, "'a': the name is used"),
        ({"scalars": [sinks.constant_item(0x1600, "samples", "", 1)]}, "'samples': the name is"),
        ({"items": [(0x1000, "ä", "", "f4")]}, "not ASCII"),
        ({"items": [(0x1000, "a", "", "f2")]}, "dtype '<f2' is no type"),
        ({"items": [(0x1000, "a", "", ">f4")]}, "other byte order"),
        ({"items": [(0x1000, "a", "", "f4", (0,))]}, "dimension 0"),
        ({"samples_per_heap": 2**40}, "samples_per_heap 1099511627776 is above"),
        ({"length_tag": "", "samples_per_heap": 0}, "length_tag is empty"),
        ({"substream": 1}, "substream 1 is out of range"),
        ({"substream": -1}, "substream -1 is negative"),
        ({"substream": "any"}, "substream 'any' is not known"),
        ({"on_bad_tag": "ignore"}, "on_bad_tag is 'ignore'"),
        ({"on_send_error": "ignore"}, "on_send_error is 'ignore'"),
        ({"scalars": [sinks.constant_item(0x1000, "c", "", 1)]}, "4096 is used twice"),
        ({"scalars": [sinks.tag_item(0x1600, "c", "", "k", port=1)]}, "port 1 is out of range"),
    ],
)
def test_wrong_arguments_are_named(change: dict[str, Any], message: str) -> None:
    stream = spead2.send.BytesStream(spead2.ThreadPool())
    arguments = {"items": [SAMPLES], "samples_per_heap": 10, **change}
    with pytest.raises(ValueError, match=message):
        sinks.heap_sink(stream, **arguments)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sinks.tag_item(0x1600, "t", "", ""), "key is empty"),
        (lambda: sinks.tag_item(0x1600, "t", "", "k", rate=-1), "rate -1"),
        (lambda: sinks.tag_item(0x1600, "t", "", "k", dtype="uint12"), "dtype 'uint12'"),
        (lambda: sinks.tag_item(0x1600, "t", "", "k", dtype="uint8", initial=256), "not fit"),
        (lambda: sinks.counter_item(0x1600, "t", "", dtype="float64"), "not possible"),
        (lambda: sinks.constant_item(0x1600, "t", "", "text", "uint8"), "not fit"),
        (lambda: sinks.constant_item(0x1600, "t", "", -1, "uint64"), "not fit"),
    ],
)
def test_wrong_scalars_are_named(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "items",
    [
        (0x1001, "x", "one", "float"),
        [0x1001, "x", "one", "float"],
        (np.int64(0x1001), "x", "one", np.float32, ()),
        [(0x1001, "x", "one", "float")],
        ((0x1001, "x", "one", "<f4", ()),),
        sinks.item(0x1001, "x", "one", "float"),
        (sinks.item(0x1001, "x", "one", "float"),),
        (sinks.item(0x1001, "x", "one", float_) for float_ in ["float32"]),
        spead2.Descriptor(0x1001, "x", "one", (), dtype="f4"),
        spead2.Item(0x1001, "x", "one", (), dtype="f4"),
    ],
)
def test_items_have_many_forms(receiver: Receive, items: Any) -> None:
    rx = receiver()
    data = np.arange(20, dtype=np.float32)
    run_graph(source(data), tcp_sink(rx, items, samples_per_heap=10))
    assert np.array_equal([i["x"] for i in rx.items() if i], data.reshape(2, 10))


@pytest.mark.parametrize("items", [(0x1001, "x", "", "float", 4), (0x1001, "x", "", "f4", (2, 2))])
def test_one_item_of_vectors_may_be_a_tuple(receiver: Receive, items: Any) -> None:
    rx = receiver()
    data = np.arange(40, dtype=np.float32).reshape(10, 4)
    run_graph(source(data), tcp_sink(rx, items, samples_per_heap=5))
    assert np.array_equal(np.concatenate([i["x"] for i in rx.items() if i]).reshape(10, 4), data)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"items": (0x1001, "x")}, TypeError, "is no item; use"),
        ({"items": (0x1001, "x", "", "f4", (), 3)}, TypeError, "is no item; use"),
        ({"items": "abc"}, TypeError, "items is 'abc'"),
        ({"items": None}, TypeError, "items is None"),
        ({"items": [None]}, TypeError, "None is no item"),
        ({"items": (1.5, "x", "", "f4")}, TypeError, "id is 1.5"),
        ({"items": (-1, "x", "", "f4")}, ValueError, "id is -1"),
        ({"items": (0x1001, b"x", "", "f4")}, TypeError, "b'x' must be a str"),
        ({"items": (0x1001, "x", "", "nonsense")}, ValueError, "dtype 'nonsense'"),
        ({"items": (0x1001, "x", "", "f4", 4.5)}, TypeError, "a dimension is 4.5"),
        ({"items": (0x1001, "x", "", "f4", "4")}, TypeError, "shape is '4'"),
        ({"samples_per_heap": -1}, ValueError, "samples_per_heap is -1"),
        ({"samples_per_heap": 1.5}, TypeError, "samples_per_heap is 1.5"),
        ({"descriptor_interval": -1}, ValueError, "descriptor_interval is -1"),
        ({"descriptor_interval": None}, TypeError, "descriptor_interval is None"),
        ({"length_tag": None}, TypeError, "length_tag is None"),
        ({"substream": 1.0}, TypeError, "substream is 1.0"),
        ({"scalars": [(1, 2)]}, TypeError, r"scalars has \(1, 2\)"),
        ({"flavour": 40}, TypeError, "flavour is 40"),
        ({"max_packet_size": 55}, ValueError, "max_packet_size is 55, but must be at least 56"),
        (
            {"max_packet_size": 65512},
            ValueError,
            "max_packet_size is 65512, but a packet of udp has at most 65507",
        ),
        ({"buffer_size": -1}, (TypeError, ValueError), "buffer_size .*-1"),
        ({"max_heaps": 0}, ValueError, "max_heaps is 0"),
        ({"ttl": 3}, ValueError, "not a multicast address"),
        ({"rate": "fast"}, TypeError, "'fast'"),
        ({"rate": -1}, ValueError, "rate is -1"),
        ({"endpoints": "127.0.0.1:8888"}, TypeError, "endpoints is '127.0.0.1:8888'"),
        ({"endpoints": [("127.0.0.1", 1, 2)]}, TypeError, "must be .host, port."),
        ({"endpoints": ("127.0.0.1", "1")}, TypeError, "port is '1'"),
        ({"endpoints": ("127.0.0.1", 65536)}, ValueError, "port is 65536"),
        ({"endpoints": []}, ValueError, "endpoints is empty"),
    ],
)
def test_wrong_arguments_of_one_step_sinks_are_named(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    arguments = {"endpoints": ("127.0.0.1", 1), "items": SAMPLES, "samples_per_heap": 10, **change}
    with pytest.raises(error, match=message):
        sinks.udp_heap_sink(**arguments)


def test_numbers_of_numpy_are_numbers(receiver: Receive) -> None:
    rx = receiver()
    sink = tcp_sink(
        rx,
        SAMPLES,
        samples_per_heap=np.int32(10),
        scalars=[
            sinks.constant_item(0x1600, "half", "", np.float32(0.5)),
            sinks.constant_item(0x1601, "seven", "", np.uint8(7)),
            sinks.constant_item(0x1602, "true", "", np.bool_(True)),
            sinks.counter_item(0x1603, "early", "", start=np.int64(-5), dtype=np.int32),
        ],
    )
    run_graph(source(complex_ramp(20)), sink)
    items = [i for i in rx.items() if i]
    assert [(i["half"], i["seven"], i["true"]) for i in items] == [(0.5, 7, 1)] * 2
    assert [i["early"] for i in items] == [-5, 5]


def test_wrong_types_are_type_errors() -> None:
    with pytest.raises(TypeError):
        sinks.heap_sink(None, SAMPLES, samples_per_heap="many")
    with pytest.raises((TypeError, ValueError)):
        sinks.heap_sink(None, SAMPLES, samples_per_heap=1)
    with pytest.raises(TypeError):
        sinks.heap_sink("stream", SAMPLES, samples_per_heap=1)


def test_unknown_hosts_and_refused_connections_are_told() -> None:
    with pytest.raises(RuntimeError, match="Host not found"):
        sinks.udp_heap_sink(("nosuch.invalid", 1), SAMPLES, samples_per_heap=1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    with pytest.raises(ConnectionRefusedError):
        sinks.tcp_heap_sink(address, SAMPLES, samples_per_heap=1)
