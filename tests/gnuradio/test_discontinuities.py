# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples that are missing, values that change within a heap, flowgraphs that are locked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pmt
import pytest
from collector import Collector
from gnuradio import blocks, gr
from gnuradio import spead2 as sinks
from gnuradio_fixtures import length_tag, run_graph, source, tag, wait_until

FLOATS = (0x1000, "x", "", "float")
COUNTER = sinks.counter_item(0x1600, "n", "", dtype="uint48")
TIME = sinks.tag_item(0x1601, "t", "", "rx_time", rate=1000, step=1)


def at(milliseconds: int, key: str = "rx_time", offset: int = 0) -> gr.tag_t:
    """Tag with a time, as UHD makes them."""
    seconds, rest = divmod(milliseconds, 1000)
    time = pmt.make_tuple(pmt.from_uint64(seconds), pmt.from_double(rest / 1000))
    return tag(offset, key, time)


def ramp(count: int) -> np.ndarray:
    """Samples that say their number, from 1 on."""
    return np.arange(1, count + 1, dtype=np.float32)


def send(
    data: np.ndarray, tags: Iterable[gr.tag_t], **options: Any
) -> tuple[sinks.HeapSink, list[dict[str, Any]]]:
    collector = Collector()
    options.setdefault("scalars", [COUNTER, TIME])
    sink = sinks.heap_sink(collector.stream, FLOATS, **options)
    run_graph(source(data, list(tags)), sink)
    return sink, collector.items()


def test_a_new_time_within_a_heap_ends_it_there() -> None:
    """At 1000 samples a second, 40 are missing before sample 23."""
    data = ramp(70)
    tags = [at(5000), at(5063, offset=23)]
    sink, items = send(data, tags, samples_per_heap=8, sample_rate=1000)
    starts = [0, 8, *range(23, 63, 8)]
    assert [i["x"] for i in items] == [data[s : s + 8].tolist() for s in starts]
    assert [i["n"] for i in items] == [s if s < 23 else s + 40 for s in starts]
    assert [i["t"] for i in items] == [5000 + i["n"] for i in items]
    assert (sink.restarts(), sink.samples_padded()) == (1, 0)
    # 16 to 23, and 7 at the end
    assert sink.samples_dropped() == 7 + 7
    assert sink.last_error() == ""


def test_the_sample_rate_may_come_with_the_samples() -> None:
    tags = [tag(0, "rx_rate", 500.0), at(0), at(900, offset=16), tag(16, "rx_rate", 1000.0)]
    tags += [at(900 + 16 + 11, offset=32)]
    sink, items = send(ramp(48), tags, samples_per_heap=16)
    # 450 were due at 500 a second and 16 have come; then 11 are missing at 1000 a second.
    assert [i["n"] for i in items] == [0, 450, 450 + 16 + 11]
    assert (sink.restarts(), sink.samples_dropped()) == (2, 0)


def test_a_time_that_follows_is_none_that_is_new() -> None:
    """Sources that say the time again and again do not lose anything."""
    tags = [at(100 + n, offset=n) for n in range(0, 60, 7)]
    sink, items = send(ramp(60), tags, samples_per_heap=20, sample_rate=1000)
    assert [i["t"] for i in items] == [100, 120, 140]
    assert (sink.restarts(), sink.samples_dropped()) == (0, 0)


def test_without_a_rate_every_time_starts_a_heap() -> None:
    sink, items = send(ramp(40), [at(100), at(110, offset=10)], samples_per_heap=20)
    assert [i["x"][0] for i in items] == [11]
    assert [i["t"] for i in items] == [110]
    assert (sink.restarts(), sink.samples_dropped()) == (1, 20)


def test_padding_fills_the_heap_with_zeros() -> None:
    data = ramp(60)
    tags = [at(0), at(1045, offset=25)]
    sink, items = send(data, tags, samples_per_heap=20, sample_rate=1000, on_restart="pad")
    assert [i["x"] for i in items] == [
        data[:20].tolist(),
        [*data[20:25].tolist(), *[0] * 15],
        data[25:45].tolist(),
    ]
    assert [i["n"] for i in items] == [0, 20, 1045]
    assert (sink.samples_padded(), sink.restarts(), sink.samples_dropped()) == (15, 1, 15)


def test_padding_of_heaps_larger_than_buffers() -> None:
    data = ramp(150_000)
    tags = [at(0), at(90_000, offset=60_001)]
    sink, items = send(
        data,
        [*tags, length_tag(0, 100_000), length_tag(60_001, 89_999)],
        sample_rate=1000,
        on_restart="pad",
        variable_length=True,
    )
    assert [len(i["x"]) for i in items] == [100_000, 89_999]
    assert np.array_equal(items[0]["x"][:60_001], data[:60_001])
    assert not any(items[0]["x"][60_001:])
    assert np.array_equal(items[1]["x"], data[60_001:])
    assert items[1]["n"] == 90_000
    assert sink.samples_padded() == 39_999


def test_short_heaps_lose_nothing() -> None:
    data = ramp(64)
    tags = [at(0), at(500, offset=9), at(700, offset=41)]
    sink, items = send(
        data,
        [*tags, *(length_tag(n, 16) for n in range(0, 64, 16))],
        sample_rate=1000,
        on_restart="short",
        variable_length=True,
    )
    assert [len(i["x"]) for i in items] == [9, 7, 16, 9, 7, 16]
    assert np.array_equal(np.concatenate([i["x"] for i in items]), data)
    assert [i["n"] for i in items] == [0, 500, 507, 523, 700, 707]
    assert (sink.samples_dropped(), sink.bad_tags(), sink.error()) == (0, 0, "")


def test_a_packet_with_a_gap_is_dropped_whole() -> None:
    data = ramp(48)
    tags = [at(0), at(100, offset=20), *(length_tag(n, 16) for n in range(0, 48, 16))]
    sink, items = send(data, tags, sample_rate=1000)
    assert [i["x"] for i in items] == [data[:16].tolist(), data[32:].tolist()]
    assert [i["n"] for i in items] == [0, 112]
    assert (sink.samples_dropped(), sink.bad_tags(), sink.restarts()) == (16, 0, 1)


def test_other_values_restart_heaps_by_choice() -> None:
    tags = [tag(0, "rx_freq", 1e9), tag(4, "rx_freq", 1e9), tag(13, "rx_freq", 2e9)]
    frequency = sinks.tag_item(0x1602, "f", "", "rx_freq", dtype="float64")
    for keys, starts in ((["rx_time", "rx_freq"], [1, 14]), ((), [1, 11, 21])):
        sink, items = send(
            ramp(30), tags, samples_per_heap=10, restart_tag=keys, scalars=[COUNTER, frequency]
        )
        assert [i["x"][0] for i in items] == starts
        assert sink.restarts() == (1 if keys else 0)
        if keys:
            assert [i["f"] for i in items] == [1e9, 2e9]
            assert [i["n"] for i in items] == [0, 13]  # nothing is missing


def test_ports_restart_together() -> None:
    collector = Collector()
    sink = sinks.heap_sink(
        collector.stream,
        [FLOATS, (0x1001, "y", "", "float")],
        samples_per_heap=10,
        sample_rate=100,
        scalars=[COUNTER],
    )
    top = gr.top_block()
    for port in range(2):
        tags = [at(0), at(350, offset=15)]
        top.connect(source(ramp(40) * (1 - 2 * port), tags), (sink, port))
    top.run()
    items = collector.items()
    assert [i["n"] for i in items] == [0, 35, 45]
    assert [i["x"][0] for i in items] == [1, 16, 26]
    assert all(np.array_equal(i["x"], -np.array(i["y"])) for i in items)
    assert sink.restarts() == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on_restart": "short"}, "needs variable_length"),
        ({"on_restart": "glue"}, "on_restart is 'glue'"),
        ({"sample_rate": -1}, "sample_rate is -1"),
        ({"restart_tag": [""]}, "empty key"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sinks.heap_sink(Collector().stream, FLOATS, samples_per_heap=10, **options)


# ---- lock() and unlock()


class Counting(gr.sync_block):
    """Samples that say their number; one tag, at the first."""

    def __init__(self) -> None:
        gr.sync_block.__init__(self, "counting", None, [np.float32])
        self.count = 0
        self.allowed = 0

    def work(self, _: Any, output_items: list[np.ndarray]) -> int:
        """Make as many as are allowed."""
        if self.count == 0:
            self.add_item_tag(0, 0, pmt.intern("rx_freq"), pmt.from_double(1.5e9))
        n = min(len(output_items[0]), self.allowed - self.count)
        output_items[0][:n] = np.arange(self.count, self.count + n)
        self.count += n
        return n


def wait_for_heaps(sink: sinks.HeapSink, count: int) -> None:
    wait_until(lambda: sink.heaps_sent() >= count or sink.error() != "")
    assert sink.error() == ""


def test_counters_and_tags_go_on_after_lock_and_unlock() -> None:
    collector = Collector()
    sink = sinks.heap_sink(
        collector.stream,
        FLOATS,
        samples_per_heap=100,
        scalars=[COUNTER, sinks.tag_item(0x1602, "f", "", "rx_freq", dtype="float64")],
    )
    top, counting, between = gr.top_block(), Counting(), blocks.copy(4)
    top.connect(counting, sink)
    counting.allowed = 350
    top.start()
    wait_for_heaps(sink, 3)
    top.lock()
    top.disconnect(counting, sink)
    top.connect(counting, between, sink)
    top.unlock()
    counting.allowed = 1000
    wait_for_heaps(sink, 9)
    top.lock()
    top.connect(counting, blocks.null_sink(4))  # nothing of the sink's
    top.unlock()  # which stops it: what was made after lock() would have been lost on its way
    counting.allowed = 1500
    wait_for_heaps(sink, 13)
    top.stop()
    top.wait()
    items = collector.items()
    numbers = [i["n"] for i in items]
    assert numbers == sorted(set(numbers))
    assert all(b - a >= 100 for a, b in zip(numbers, numbers[1:]))
    assert [i["f"] for i in items] == [1.5e9] * len(items)
    # What was in no heap when the flowgraph was locked is counted, and nothing comes twice.
    values = np.concatenate([i["x"] for i in items])
    assert len(np.unique(values)) == len(values)
    for i in items[:3]:
        assert i["x"][0] == i["n"]


def test_a_flowgraph_that_starts_again_counts_anew() -> None:
    collector = Collector()
    sink = sinks.heap_sink(collector.stream, FLOATS, samples_per_heap=10, scalars=[COUNTER])
    for _ in range(2):
        top = gr.top_block()
        top.connect(source(ramp(20)), sink)
        top.run()
        top.disconnect_all()
    assert [i["n"] for i in collector.items()] == [0, 10] * 2


# ---- PDUs


def test_a_time_stands_for_its_own_pdu_only() -> None:
    collector = Collector()
    sink = sinks.pdu_heap_sink(
        collector.stream,
        (0x1000, "frame", "", "uint8"),
        scalars=[
            sinks.tag_item(0x1601, "t", "", "rx_time", rate=1000),
            sinks.tag_item(0x1602, "t_step", "", "rx_time", rate=1000, step=10),
            sinks.tag_item(0x1603, "gain", "", "gain"),
        ],
    )
    top = gr.top_block()
    top.msg_connect(sink, "stats", blocks.message_debug(), "store")
    top.start()
    for n, metadata in enumerate([{"gain": 3, "rx_time": at(2000).value}, {}, {"gain": 4}]):
        made = pmt.make_dict()
        for key, value in metadata.items():
            made = pmt.dict_add(
                made, pmt.intern(key), pmt.to_pmt(value) if key == "gain" else value
            )
        vector = pmt.init_u8vector(2, [n, n])
        sink.to_basic_block()._post(pmt.intern("pdus"), pmt.cons(made, vector))
    top.stop()
    top.wait()
    items = collector.items()
    assert [i.get("t") for i in items] == [2000, None, None]
    assert [i.get("t_step") for i in items] == [2000, 2020, 2040]
    assert [i["gain"] for i in items] == [3, 3, 4]
