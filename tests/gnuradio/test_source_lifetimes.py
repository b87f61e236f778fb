# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources that start, stop, are locked and destroyed, and flowgraphs that do not keep up."""

from __future__ import annotations

import gc
import time

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr
from gnuradio import spead2 as heaps
from gnuradio_fixtures import wait_until
from loop import Heaps, Loop, Output
from test_heap_source import COUNTER, FLOATS, N, ramp

import spead2
import spead2.recv


class gate(gr.sync_block):  # noqa: N801  as GNU Radio's blocks are named
    """Takes nothing until it is opened."""

    def __init__(self) -> None:
        gr.sync_block.__init__(self, "gate", [np.float32], None)
        self.open = False
        self.got: list[float] = []

    def work(self, input_items, output_items):  # type: ignore[no-untyped-def]
        if not self.open:
            time.sleep(0.001)
            return 0
        self.got.extend(input_items[0].tolist())
        return len(input_items[0])


def test_a_source_that_has_nothing_stops_at_once() -> None:
    block = heaps.heap_source(Loop().receiver, FLOATS)
    top = gr.top_block()
    top.connect(block, blocks.null_sink(4))
    top.start()
    top.stop()
    top.wait()
    assert (block.heaps_received(), block.error()) == (0, "")


def test_lock_and_unlock_lose_no_heap() -> None:
    loop = Loop()
    sender = Heaps(loop, x=ramp(0), n=N)
    block = heaps.heap_source(loop.receiver, FLOATS, scalars=COUNTER)
    top = gr.top_block()
    output = Output(top, block, FLOATS)
    top.start()
    for turn in range(4):
        for n in range(20):
            start = 200 * turn + 10 * n
            sender.send(x=ramp(start), n=start)
        # What is in GNU Radio's buffers when it is locked, GNU Radio drops.
        wait_until(lambda: len(output.data()) == 200 * (turn + 1))  # noqa: B023
        top.lock()
        top.unlock()
    sender.end()
    top.wait()
    assert np.array_equal(output.data(), ramp(0, 800))
    # What stands is told anew.
    assert [value for _, value in output.tags("n")] == [0, 200, 400, 600]
    assert [value for _, value in output.tags("lost")] == [0, 0, 0]
    assert (block.restarts(), block.samples_lost()) == (0, 0)


def test_the_heap_under_way_is_dropped_when_a_flowgraph_is_locked() -> None:
    loop = Loop()
    length = 400_000  # more than the buffer takes
    sender = Heaps(loop, x=ramp(0, length), n=N)
    block = heaps.heap_source(loop.receiver, FLOATS, scalars=COUNTER)
    taker = gate()
    top = gr.top_block()
    top.connect(block, taker)
    top.start()
    for n in range(3):
        sender.send(x=ramp(length * n, length), n=length * n)
    wait_until(lambda: block.nitems_written(0) > 0)
    top.lock()
    top.unlock()
    sender.end()
    taker.open = True
    top.wait()
    assert np.array_equal(taker.got, ramp(length, 2 * length))
    assert 0 < block.samples_lost() < length


def test_a_flowgraph_that_starts_again_begins_with_a_heap() -> None:
    loop = Loop()
    sender = Heaps(loop, x=ramp(0), n=N)
    block = heaps.heap_source(loop.receiver, FLOATS, scalars=COUNTER)
    top = gr.top_block()
    sink = blocks.vector_sink_f()
    top.connect(block, sink)
    top.start()
    sender.send(x=ramp(0), n=0)
    wait_until(lambda: len(sink.data()) == 10)
    top.stop()
    top.wait()
    sink.reset()
    sender.send(x=ramp(500), n=500)
    sender.end()
    top.run()
    assert sink.data() == tuple(ramp(500).tolist()) or np.array_equal(sink.data(), ramp(500))
    tags = {pmt.symbol_to_string(t.key): pmt.to_python(t.value) for t in sink.tags()}
    assert tags == {"packet_len": 10, "n": 500}
    assert (block.samples_lost(), block.restarts()) == (0, 0)


def test_a_receiver_that_starts_late_waits_for_descriptors() -> None:
    loop = Loop()
    sender = Heaps(loop, x=ramp(0))
    sender.send(descriptors="all")
    loop.packets(without=(0,))
    block = heaps.heap_source(loop.receiver, FLOATS)
    top = gr.top_block()
    output = Output(top, block, FLOATS)
    top.start()
    sender.send(x=ramp(0), descriptors="none")
    wait_until(lambda: block.heaps_undescribed() == 1)
    sender.send(x=ramp(10), descriptors="all")
    sender.send(x=ramp(20), descriptors="none")
    sender.end()
    top.wait()
    assert np.array_equal(output.data(), ramp(10, 20))


def test_a_flowgraph_that_is_full_pauses_its_reader_only() -> None:
    """Both streams have one thread; the other one goes on."""
    pool = spead2.ThreadPool()
    full, other = Loop(), Loop()
    streams = []
    for loop in (full, other):
        stream = spead2.recv.Stream(pool, loop.config, loop.ring)
        stream.add_inproc_reader(loop.queue)
        streams.append(stream)
    block = heaps.heap_source(streams[0], FLOATS, scalars=COUNTER)
    taker = gate()
    top = gr.top_block()
    top.connect(block, taker)
    top.start()
    sender = Heaps(full, x=ramp(0, 10_000), n=N)
    for n in range(200):
        sender.send(x=ramp(10_000 * n, 10_000), n=10_000 * n)
    sender.end()
    wait_until(lambda: block.pauses() > 0)
    assert full.queue.qsize() > 100

    second = Heaps(other, x=ramp(0))
    for n in range(100):
        second.send(x=ramp(n))
    second.end()
    assert sum(1 for heap in streams[1] if heap.get_items()) == 100
    assert full.queue.qsize() > 100

    taker.open = True
    top.wait()
    assert np.array_equal(taker.got, ramp(0, 2_000_000))
    assert block.samples_lost() == 0


def test_statistics_come_as_a_message() -> None:
    loop = Loop()
    sender = Heaps(loop, x=ramp(0), n=N)
    block = heaps.heap_source(loop.receiver, FLOATS, scalars=COUNTER)
    debug = blocks.message_debug()
    top = gr.top_block()
    top.connect(block, blocks.null_sink(4))
    top.msg_connect(block, "stats", debug, "store")
    top.start()
    for start in (0, 10, 30):
        sender.send(x=ramp(start), n=start)
    wait_until(lambda: block.heaps_received() == 3 and debug.num_messages() > 0)
    seen = debug.num_messages()
    wait_until(lambda: debug.num_messages() > seen)
    stats = pmt.to_python(debug.get_message(debug.num_messages() - 1))
    top.stop()
    top.wait()
    assert stats["heaps_received"] == 3
    assert stats["bytes_received"] == 120
    assert stats["samples_lost"] == 10
    assert stats["packets"] >= 3
    assert "10 samples are missing" in stats["last_error"]
    assert {"rate", "queue_length", "pauses", "incomplete_heaps", "heaps_late"} <= set(stats)
    assert repr(block) == "<gnuradio.spead2.HeapSource: 3 heaps received, 0 lost, 0 bad>"


@pytest.mark.parametrize("order", ["top first", "block first", "stream first", "running"])
def test_destruction_in_every_order(order: str) -> None:
    for n in range(5):
        loop = Loop(ring_heaps=2)
        sender = Heaps(loop, x=ramp(0))
        stream = loop.receiver
        block = heaps.heap_source(stream, FLOATS)
        top = gr.top_block()
        top.connect(block, blocks.null_sink(4))
        for _ in range(20 * n):
            sender.send(x=ramp(0))
        top.start()
        if order != "running":
            top.stop()
            top.wait()
        if order == "stream first":
            stream.stop()
        if order == "block first":
            del block
        if order == "running":
            stream.stop()  # ends the flowgraph
            top.wait()
        del top, stream, loop, sender
        gc.collect()


def test_a_stream_that_is_stopped_ends_the_flowgraph() -> None:
    loop = Loop()
    block = heaps.heap_source(loop.receiver, FLOATS)
    top = gr.top_block()
    top.connect(block, blocks.null_sink(4))
    top.start()
    loop.receiver.stop()
    top.wait()
    assert block.error() == ""
