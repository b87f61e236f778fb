# SPDX-License-Identifier: GPL-3.0-or-later
"""What sinks tell while they run, and what can be changed then."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pmt
import pytest
from collector import Collector
from gnuradio import blocks, gr, pdu
from gnuradio import spead2 as sinks
from gnuradio_fixtures import run_graph, source, wait_until

import spead2
import spead2.send

FLOATS = (0x1000, "x", "", "float")


def test_dropped_samples_of_several_ports_are_those_of_unfinished_heaps() -> None:
    """One port runs ahead as far as its buffer goes."""
    sink = sinks.heap_sink(
        Collector().stream, [FLOATS, (0x1001, "y", "", "float")], samples_per_heap=1000
    )
    top = gr.top_block()
    top.connect(blocks.null_source(4), (sink, 0))
    top.connect(source(np.zeros(3700, np.float32)), (sink, 1))
    top.run()
    assert sink.heaps_sent() == 3
    assert sink.samples_dropped() == 700


def test_queue_and_time_held_back_are_told() -> None:
    stream = spead2.send.BytesStream(
        spead2.ThreadPool(), spead2.send.StreamConfig(rate=200e3, max_heaps=3, max_packet_size=9000)
    )
    sink = sinks.heap_sink(stream, FLOATS, samples_per_heap=2000)
    top = gr.top_block()
    debug = blocks.message_debug()
    top.connect(blocks.null_source(4), sink)
    top.msg_connect(sink, "stats", debug, "store")
    top.start()
    while debug.num_messages() < 2:
        assert sink.queue_length() <= 3 + 1
        time.sleep(0.001)
    stats = pmt.to_python(debug.get_message(1))
    sink.set_rate(0)
    top.stop()
    top.wait()
    assert 0 < stats["queue_length"] <= 4
    assert 0.3 < stats["held_back"] <= 2.5
    assert stats["held_back"] <= sink.held_back()
    assert stats["last_error"] == ""
    assert sink.queue_length() == 0
    assert {"restarts", "samples_padded"} <= set(stats)


def test_the_last_error_is_kept() -> None:
    queue = spead2.InprocQueue()
    queue.stop()
    stream = spead2.send.InprocStream(spead2.ThreadPool(), [queue])
    sink = sinks.heap_sink(stream, FLOATS, samples_per_heap=10)
    assert sink.last_error() == ""
    run_graph(source(np.zeros(20, np.float32)), sink)
    assert "could not be sent" in sink.last_error()
    assert sink.error() == ""
    assert "2 failed" in repr(sink)


class Clock(gr.sync_block):
    """Passes on one heap's samples whenever it is told to."""

    def __init__(self) -> None:
        gr.sync_block.__init__(self, "clock", None, [np.float32])
        self.allowed = 0
        self.made = 0

    def work(self, _: Any, output_items: list[np.ndarray]) -> int:
        """Make what is allowed."""
        n = min(len(output_items[0]), self.allowed - self.made)
        output_items[0][:n] = 0
        self.made += n
        return n


def test_descriptors_come_again_after_some_time() -> None:
    collector = Collector()
    sink = sinks.heap_sink(
        collector.stream, FLOATS, samples_per_heap=10, descriptor_seconds=1e6, send_end=False
    )
    top, clock = gr.top_block(), Clock()
    top.connect(clock, sink)
    top.start()

    def heap() -> None:
        clock.allowed += 10
        wait_until(lambda: sink.heaps_sent() * 10 >= clock.allowed)

    heap()
    heap()
    sink.set_descriptor_seconds(1e-9)
    heap()
    heap()
    sink.set_descriptor_seconds(0)
    heap()
    top.stop()
    top.wait()
    described = [bool(h.descriptors()) for h in collector.raw_heaps() if 0 not in h.controls]
    assert described == [True, False, True, True, False]


@pytest.mark.parametrize(
    "message",
    [
        pmt.cons(pmt.intern("descriptor_interval"), pmt.from_long(9)),
        pmt.to_pmt({"descriptor_interval": 9, "rate": 1e6, "descriptor_seconds": 2.5}),
    ],
)
def test_commands_change_what_setters_change(message: Any) -> None:
    for make in (
        lambda s: sinks.heap_sink(s, FLOATS, samples_per_heap=10),
        lambda s: sinks.pdu_heap_sink(s, FLOATS),
    ):
        collector = Collector()
        sink = make(collector.stream)
        top = gr.top_block()
        if isinstance(sink, sinks.HeapSink):
            # A source that has nothing and does not end: a block that is done takes no messages.
            top.connect(pdu.pdu_to_tagged_stream(gr.types.float_t), sink)
        top.msg_connect(sink, "stats", blocks.message_debug(), "store")
        top.start()
        sink.to_basic_block()._post(pmt.intern("cmd"), message)
        wait_until(lambda: sink.descriptor_interval() == 9)  # noqa: B023
        top.stop()
        top.wait()
        if pmt.is_pair(pmt.car(message)):
            assert sink.descriptor_seconds() == 2.5


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (pmt.intern("faster"), "is no pair of a key and a value"),
        (pmt.cons(pmt.intern("speed"), pmt.from_long(9)), "command 'speed' is not known"),
        (pmt.cons(pmt.intern("rate"), pmt.from_double(-1)), "-1"),
        (pmt.cons(pmt.intern("rate"), pmt.intern("fast")), "is fast, but must be a number"),
        (pmt.cons(pmt.intern("descriptor_interval"), pmt.from_long(-2)), "at least 0"),
    ],
)
def test_wrong_commands_are_told_and_change_nothing(message: Any, text: str) -> None:
    sink = sinks.pdu_heap_sink(Collector().stream, FLOATS)
    top = gr.top_block()
    top.msg_connect(sink, "stats", blocks.message_debug(), "store")
    top.start()
    sink.to_basic_block()._post(pmt.intern("cmd"), message)
    wait_until(lambda: sink.bad_tags() > 0)
    top.stop()
    top.wait()
    assert text in sink.last_error()
    assert sink.descriptor_interval() == 0
