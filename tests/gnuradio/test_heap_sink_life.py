# SPDX-License-Identifier: Apache-2.0
"""heap_sink in a flowgraph that starts, stops and changes, over a network that fails."""

from __future__ import annotations

import socket
import time
from typing import Any

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr, pdu
from gnuradio import spead2 as sinks
from gnuradio_fixtures import run_graph, source, wait_until
from sink_inputs import SAMPLES, Receive, complex_ramp, tcp_sink

import spead2
import spead2.send


def stopped_queue_sink(**options: Any) -> sinks.HeapSink:
    queue = spead2.InprocQueue()
    queue.stop()
    stream = spead2.send.InprocStream(spead2.ThreadPool(), [queue])
    return sinks.heap_sink(stream, SAMPLES, samples_per_heap=10, **options)


def test_send_errors_are_counted() -> None:
    sink = stopped_queue_sink()
    run_graph(source(complex_ramp(1000)), sink)
    assert (sink.heaps_sent(), sink.heaps_failed(), sink.error()) == (0, 100, "")


def test_send_errors_stop_the_flowgraph_by_choice() -> None:
    sink = stopped_queue_sink(on_send_error="error")
    run_graph(blocks.null_source(8), sink)
    assert sink.heaps_failed() > 0
    assert "could not be sent" in sink.error()


def test_a_peer_that_does_not_read_holds_the_flowgraph_back() -> None:
    """And stopping the flowgraph does not hang; the heaps in flight are given up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        sink = sinks.tcp_heap_sink(server.getsockname(), SAMPLES, samples_per_heap=1000)
        connection, _ = server.accept()
        with connection:
            top = gr.top_block()
            null = blocks.null_source(8)
            top.connect(null, sink)
            top.start()
            seen = -1
            while sink.heaps_sent() != seen or seen == 0:  # until nothing moves any more
                seen = sink.heaps_sent()
                connection.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    _wait_for_nothing(connection)
            assert sink.nitems_read(0) < 50_000_000
            top.stop()
            top.wait()


def _wait_for_nothing(connection: socket.socket) -> None:
    """Spend the socket's timeout without reading."""
    with socket.socket() as never:
        never.bind(("127.0.0.1", 0))
        never.listen()
        never.settimeout(connection.gettimeout())
        never.accept()


def test_a_peer_that_goes_away_is_a_send_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sink = sinks.tcp_heap_sink(
            server.getsockname(), SAMPLES, samples_per_heap=1000, on_send_error="error"
        )
        connection, _ = server.accept()
        connection.close()
    run_graph(blocks.null_source(8), sink)
    assert sink.heaps_failed() > 0
    assert sink.error()


# ---- Life


def test_start_stop_and_start_again(receiver: Receive) -> None:
    queue = spead2.InprocQueue()
    stream = spead2.send.InprocStream(spead2.ThreadPool(), [queue])
    sink = sinks.heap_sink(stream, SAMPLES, samples_per_heap=100)
    top = gr.top_block()
    top.connect(blocks.null_source(8), sink)
    before = 0
    for _ in range(10):
        top.start()
        wait_until(lambda: sink.heaps_sent() != before)  # noqa: B023
        top.stop()
        top.wait()
        assert sink.heaps_failed() == 0
        before = sink.heaps_sent()


def test_lock_and_unlock(receiver: Receive) -> None:
    stream = spead2.send.BytesStream(spead2.ThreadPool())
    sink = sinks.heap_sink(stream, SAMPLES, samples_per_heap=100)
    top = gr.top_block()
    null, head = blocks.null_source(8), blocks.copy(8)
    throttle = blocks.throttle(8, 1e6)
    top.connect(null, throttle, sink)
    top.start()
    for _ in range(5):
        before = sink.heaps_sent()
        wait_until(lambda: sink.heaps_sent() != before)  # noqa: B023
        top.lock()
        top.disconnect(throttle, sink)
        top.connect(throttle, head, sink)
        top.unlock()
        before = sink.heaps_sent()
        wait_until(lambda: sink.heaps_sent() != before)  # noqa: B023
        top.lock()
        top.disconnect(throttle, head, sink)
        top.connect(throttle, sink)
        top.unlock()
    top.stop()
    top.wait()
    assert sink.heaps_failed() == 0


def test_two_sinks_share_a_stream(receiver: Receive) -> None:
    rx = receiver("udp")
    stream = spead2.send.UdpStream(
        spead2.ThreadPool(), [rx.endpoint], spead2.send.StreamConfig(rate=20e6, max_heaps=3)
    )
    data = [complex_ramp(50_000), -complex_ramp(50_000)]
    top = gr.top_block()
    made = []
    for n in range(2):
        item = sinks.item(0x1000 + n, f"samples{n}", "", "complex64")
        made.append(sinks.heap_sink(stream, item, samples_per_heap=500))
        top.connect(source(data[n]), made[n])
    top.run()
    items = [i for i in rx.items() if i]
    for n in range(2):
        mine = [i[f"samples{n}"] for i in items if f"samples{n}" in i]
        assert np.array_equal(np.concatenate(mine), data[n])
        assert made[n].heaps_sent() == 100


def test_rate_and_interval_change_while_it_runs(receiver: Receive) -> None:
    rx = receiver()
    sink = tcp_sink(rx, SAMPLES, samples_per_heap=100, rate=1e5)
    top = gr.top_block()
    top.connect(source(complex_ramp(100_000)), sink)
    top.start()
    wait_until(lambda: sink.heaps_sent() >= 3)
    sink.set_descriptor_interval(1)
    assert sink.descriptor_interval() == 1
    with pytest.raises(ValueError, match="descriptor_interval is -1, but must be at least 0"):
        sink.set_descriptor_interval(-1)
    with pytest.raises(ValueError, match="rate is -1, but must be finite and at least 0"):
        sink.set_rate(-1)
    sink.set_rate(0)
    top.wait()  # at the first rate it would take more than eight seconds
    heaps = [h for h in rx.heaps() if h["items"]]
    assert len(heaps) == 1000
    assert [bool(h["descriptors"]) for h in heaps[-900:]] == [True] * 900


def test_statistics_are_published_while_nothing_moves() -> None:
    sink = stopped_queue_sink()
    debug = blocks.message_debug()
    top = gr.top_block()
    packets = pdu.pdu_to_tagged_stream(gr.types.complex_t)
    top.connect(packets, sink)
    top.msg_connect(sink, "stats", debug, "store")
    top.start()
    packets.to_basic_block()._post(
        pmt.intern("pdus"), pmt.cons(pmt.PMT_NIL, pmt.init_c32vector(105, [0] * 105))
    )
    while sink.heaps_failed() < 10 or debug.num_messages() < 2:
        time.sleep(0.01)
    before = debug.num_messages()
    while debug.num_messages() == before:
        time.sleep(0.01)
    top.stop()
    top.wait()
    last = pmt.to_python(debug.get_message(before))
    assert set(last) == {
        "heaps_sent",
        "bytes_sent",
        "heaps_failed",
        "samples_dropped",
        "bad_tags",
        "rate",
        "samples_padded",
        "restarts",
        "queue_length",
        "held_back",
        "last_error",
    }
    assert (last["heaps_failed"], last["samples_dropped"]) == (10, 0)


def test_statistics_are_those_of_the_sink() -> None:
    """Of a steady stream: each second's dictionary has what the counts were, and the rate."""
    rate = 400e3
    stream = spead2.send.BytesStream(
        spead2.ThreadPool(), spead2.send.StreamConfig(rate=rate, burst_size=4096)
    )
    sink = sinks.heap_sink(stream, SAMPLES, samples_per_heap=100)
    debug = blocks.message_debug()
    top = gr.top_block()
    top.connect(blocks.null_source(8), sink)
    top.msg_connect(sink, "stats", debug, "store")
    top.start()
    while debug.num_messages() < 3:
        time.sleep(0.01)
    counts = (sink.heaps_sent(), sink.bytes_sent())
    top.stop()
    top.wait()
    messages = [pmt.to_python(debug.get_message(n)) for n in range(3)]
    heaps, sent = ([m[key] for m in messages] for key in ("heaps_sent", "bytes_sent"))
    assert 0 < heaps[0] < heaps[1] < heaps[2] <= counts[0]
    assert 0 < sent[0] < sent[1] < sent[2] <= counts[1]
    # A flowgraph that is kept waiting sends less in more than a second.
    assert all(0 < m["rate"] < 1.5 * rate for m in messages)
    assert all(m["heaps_failed"] == m["bad_tags"] == m["samples_dropped"] == 0 for m in messages)
