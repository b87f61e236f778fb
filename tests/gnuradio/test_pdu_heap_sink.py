# SPDX-License-Identifier: Apache-2.0
"""What pdu_heap_sink makes of messages, as the reference receiver gets it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr
from gnuradio import spead2 as sinks
from gnuradio_fixtures import Reception

import spead2
import spead2.send

Receive = Callable[..., Reception]
BYTES = sinks.item(0x1000, "frame", "", "uint8")


class Graph:
    """A running flowgraph with a PDU sink, fed from here."""

    def __init__(self, sink: sinks.PduHeapSink) -> None:
        self.sink = sink
        self.top = gr.top_block()
        self.debug = blocks.message_debug()
        self.top.msg_connect(sink, "stats", self.debug, "store")

    def __enter__(self) -> Graph:
        self.top.start()
        return self

    def post(self, vector: Any, metadata: dict[str, Any] | None = None) -> None:
        if isinstance(vector, np.ndarray):
            kind = {"i": "s"}.get(vector.dtype.kind, vector.dtype.kind)
            bits = vector.dtype.itemsize * (4 if kind == "c" else 8)
            vector = getattr(pmt, f"init_{kind}{bits}vector")(len(vector), vector.tolist())
        message = pmt.cons(pmt.to_pmt(metadata or {}), vector)
        self.post_raw(message)

    def post_raw(self, message: Any) -> None:
        self.sink.to_basic_block()._post(pmt.intern("pdus"), message)

    def __exit__(self, *_: object) -> None:
        self.top.stop()
        self.top.wait()


@pytest.mark.parametrize(
    "dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8", "c8", "c16"]
)
def test_pdus_of_every_type_arrive(receiver: Receive, dtype: str) -> None:
    rx = receiver("udp")
    sent = [np.arange(1, n + 1).astype(dtype) for n in (1, 3, 1000)]
    sink = sinks.udp_pdu_heap_sink(rx.endpoint, (0x1000, "x", "", dtype), rate=10e6)
    with Graph(sink) as graph:
        for data in sent:
            graph.post(data)
    received = [i["x"] for i in rx.items() if i]
    assert len(received) == 3
    for got, data in zip(received, sent):
        if data.dtype.kind == "c":
            got = np.ascontiguousarray(got).view(data.dtype).ravel()
        assert np.array_equal(got, data)
    assert (sink.heaps_sent(), sink.bad_tags()) == (3, 0)


def test_messages_that_arrived_before_the_stop_are_sent(receiver: Receive) -> None:
    rx = receiver("udp")
    sink = sinks.udp_pdu_heap_sink(rx.endpoint, BYTES, rate=10e6, max_heaps=2)
    data = [np.full(500, n % 256, np.uint8) for n in range(200)]
    with Graph(sink) as graph:
        for frame in data:
            graph.post(frame)
    assert np.array_equal([i["frame"] for i in rx.items() if i], data)


def test_metadata_feeds_the_scalars(receiver: Receive) -> None:
    rx = receiver("udp")
    sink = sinks.udp_pdu_heap_sink(
        rx.endpoint,
        BYTES,
        scalars=[
            sinks.tag_item(0x1600, "snr", "", "snr", dtype="float32", sticky=False),
            sinks.tag_item(0x1601, "channel", "", "channel", dtype="int8"),
            sinks.tag_item(0x1602, "who", "", "who", dtype=str, sticky=False),
            sinks.counter_item(0x1603, "byte", "", step=1, dtype="uint32"),
        ],
        rate=10e6,
    )
    with Graph(sink) as graph:
        graph.post(np.zeros(3, np.uint8), {"snr": 2.5, "channel": 4})
        graph.post(np.zeros(5, np.uint8), {"who": "us01"})
        graph.post(np.zeros(1, np.uint8), {"channel": 300})
    items = [i for i in rx.items() if i]
    for i in items:
        del i["frame"]
    assert items == [
        {"snr": 2.5, "channel": 4, "byte": 0},
        {"who": "us01", "channel": 4, "byte": 3},
        {"channel": 4, "byte": 8},
    ]
    assert sink.bad_tags() == 1


def test_fixed_length_pdus_are_sent_as_they_are(receiver: Receive) -> None:
    rx = receiver("udp")
    sink = sinks.udp_pdu_heap_sink(
        rx.endpoint,
        (0x1000, "x", "", "complex64", (2,)),
        variable_length=False,
        rate=10e6,
    )
    data = np.arange(8).astype(np.complex64)
    with Graph(sink) as graph:
        graph.post(data)
        graph.post(data[:6])  # not the length of the first
        graph.post(-data)
    assert np.array_equal(
        [i["x"] for i in rx.items() if i], [data.reshape(4, 2), -data.reshape(4, 2)]
    )
    assert sink.bad_tags() == 1


@pytest.mark.parametrize(
    "message",
    [
        pmt.PMT_NIL,
        pmt.intern("hello"),
        pmt.cons(pmt.PMT_NIL, pmt.intern("hello")),
        pmt.cons(pmt.from_long(3), pmt.init_u8vector(1, [1])),
        pmt.cons(pmt.make_dict(), pmt.init_u8vector(0, [])),
        pmt.cons(pmt.make_dict(), pmt.init_s16vector(1, [1])),
        pmt.cons(pmt.make_dict(), pmt.make_vector(2, pmt.PMT_NIL)),
    ],
)
def test_what_is_no_pdu_is_counted(receiver: Receive, message: Any) -> None:
    rx = receiver("udp")
    sink = sinks.udp_pdu_heap_sink(rx.endpoint, BYTES, rate=10e6)
    with Graph(sink) as graph:
        graph.post_raw(message)
        graph.post(np.array([7], np.uint8))
    assert [i["frame"].tolist() for i in rx.items() if i] == [[7]]
    assert (sink.bad_tags(), sink.heaps_sent()) == (1, 1)


def test_metadata_chooses_the_substream(receiver: Receive) -> None:
    rx = receiver("udp", streams=2)
    sink = sinks.udp_pdu_heap_sink(rx.endpoints, BYTES, substream="tag:beam", rate=10e6)
    with Graph(sink) as graph:
        for beam in (0, 1, 1, 2, 0):
            graph.post(np.array([beam], np.uint8), {"beam": beam})
    first, second = rx.streams()
    assert [h["items"]["frame"].tolist() for h in first if h["items"]] == [[0], [0]]
    assert [h["items"]["frame"].tolist() for h in second if h["items"]] == [[1], [1]]
    assert (sink.samples_dropped(), sink.bad_tags()) == (1, 1)


def test_send_errors_are_counted_or_stop_the_block() -> None:
    for action in ("count", "error"):
        queue = spead2.InprocQueue()
        queue.stop()
        pool = spead2.ThreadPool()
        stream = spead2.send.InprocStream(pool, [queue])
        sink = sinks.pdu_heap_sink(stream, BYTES, on_send_error=action)
        with Graph(sink) as graph:
            graph.post(np.array([1], np.uint8))
            while sink.heaps_failed() == 0:
                time.sleep(0.001)
            graph.post(np.array([2], np.uint8))
        assert bool(sink.error()) == (action == "error")
        assert sink.heaps_failed() == (1 if action == "error" else 2)


def test_it_takes_one_item() -> None:
    with pytest.raises(TypeError, match="is a list of items, but one item is needed"):
        sinks.udp_pdu_heap_sink(("127.0.0.1", 9), [(0x1000, "x", "", "uint8")])
