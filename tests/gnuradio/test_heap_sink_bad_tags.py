# SPDX-License-Identifier: Apache-2.0
"""What heap_sink does with length tags that cannot be, and with ports that disagree."""

from __future__ import annotations

import numpy as np
import pmt
import pytest
from gnuradio import gr
from gnuradio_fixtures import length_tag, run_graph, source
from sink_inputs import SAMPLES, Receive, complex_ramp, tcp_sink

GOOD = [length_tag(0, 10), length_tag(10, 10)]
BAD_TAGS = [
    # tags of port 0 after 20 good samples, what the message says
    ([], "no tag 'packet_len' on port 0 at sample 20"),
    ([length_tag(20, 0)], "on port 0 at sample 20 is 0"),
    ([length_tag(20, -5)], "on port 0 at sample 20 is -5"),
    ([length_tag(20, 2.5)], "on port 0 at sample 20 is 2.5"),
    ([length_tag(20, pmt.intern("ten"))], "on port 0 at sample 20 is ten"),
    ([length_tag(20, pmt.PMT_NIL)], "on port 0 at sample 20 is"),
    ([length_tag(20, 11)], "sample 20 is 11, but the first packet had 10"),
    ([length_tag(20, 10), length_tag(25, 10)], "from sample 20 on is not over, but there is a tag"),
    ([length_tag(20, 2**50)], "at sample 20 is 1125899906842624"),
]


@pytest.mark.parametrize(("tags", "message"), BAD_TAGS)
def test_bad_tags_stop_the_flowgraph(receiver: Receive, tags: list[gr.tag_t], message: str) -> None:
    rx = receiver()
    sink = tcp_sink(rx, SAMPLES)
    # Far more input than buffers hold: the source must be told to stop.
    run_graph(source(complex_ramp(100_000), GOOD + tags), sink)
    assert message in sink.error()
    assert len([i for i in rx.items() if i]) == sink.heaps_sent() == 2
    assert sink.bad_tags() == 1


def test_samples_without_any_tag_are_told_what_to_do(receiver: Receive) -> None:
    sink = tcp_sink(receiver(), SAMPLES)
    run_graph(source(complex_ramp(1000)), sink)
    assert "no tag 'packet_len' on port 0 at sample 0, where a packet should" in sink.error()
    assert sink.error().endswith(
        "; set samples_per_heap, or put a Stream to Tagged Stream in front"
    )


@pytest.mark.parametrize(("tags", "message"), BAD_TAGS)
def test_bad_tags_are_skipped_with_resync(
    receiver: Receive, tags: list[gr.tag_t], message: str
) -> None:
    rx = receiver()
    sink = tcp_sink(rx, SAMPLES, on_bad_tag="resync")
    data = complex_ramp(20_100)
    later = [length_tag(20_000, 10), length_tag(20_010, 10)]
    run_graph(source(data, GOOD + tags + later), sink)
    received = np.concatenate([i["samples"] for i in rx.items() if i])
    # The overlapping packet is the one that is dropped; that which interrupts it is good.
    extra = [slice(25, 35)] if "not over" in message else []
    expected = [slice(0, 20), *extra, slice(20_000, 20_020)]
    assert np.array_equal(received, np.concatenate([data[s] for s in expected]))
    assert sink.error() == ""
    assert sink.samples_dropped() == len(data) - len(received)
    # The gap before the good tags, and the one at the end, are incidents too.
    assert sink.bad_tags() in (2, 3)


def test_ports_that_disagree_stop_the_flowgraph(receiver: Receive) -> None:
    for other, message in [
        ([length_tag(0, 10), length_tag(10, 9)], "on port 1 at sample 10 is 9, but on the ports"),
        ([length_tag(0, 10), length_tag(11, 10)], "no tag 'packet_len' on port 1 at sample 10"),
    ]:
        rx = receiver()
        sink = tcp_sink(rx, [SAMPLES, (0x1001, "b", "", "complex")])
        top = gr.top_block()
        top.connect(source(complex_ramp(30), [*GOOD, length_tag(20, 10)]), (sink, 0))
        top.connect(source(complex_ramp(30), [*other, length_tag(20, 10)]), (sink, 1))
        top.run()
        assert message in sink.error()
        assert len([i for i in rx.items() if i]) == 1


def test_ports_that_disagree_are_brought_together_with_resync(receiver: Receive) -> None:
    rx = receiver()
    sink = tcp_sink(rx, [SAMPLES, (0x1001, "b", "", "complex")], on_bad_tag="resync")
    data = complex_ramp(40)
    top = gr.top_block()
    ends = [length_tag(20, 10), length_tag(30, 10)]
    top.connect(source(data, [length_tag(0, 10), length_tag(10, 10), *ends]), (sink, 0))
    top.connect(source(data, [length_tag(0, 10), length_tag(13, 10), *ends]), (sink, 1))
    top.run()
    items = [i for i in rx.items() if i]
    for name in ("samples", "b"):
        got = np.concatenate([i[name] for i in items])
        assert np.array_equal(got, np.concatenate([data[:10], data[20:]]))
    assert sink.samples_dropped() == 10
