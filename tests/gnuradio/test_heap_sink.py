# SPDX-License-Identifier: Apache-2.0
"""What heap_sink makes of samples and tags, as the reference receiver gets it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr
from gnuradio import spead2 as sinks
from gnuradio_fixtures import length_tag, run_graph, source, tag
from sink_inputs import SAMPLES, Receive, complex_ramp, tcp_sink

import spead2
import spead2.send

# ---- Samples of fixed length


@pytest.mark.parametrize(
    ("dtype", "item"),
    [
        ("c8", ("complex64", ())),
        ("f4", ("float32", ())),
        ("i4", ("int", ())),
        ("i2", (np.int16, ())),
        ("u1", ("byte", ())),
        ("i1", ("int8", ())),
        ("i1", ("sc8", ())),
        ("i2", ("sc16", ())),
        ("c8", ("<c8", (16,))),
        ("f4", ("float", 5)),
        ("i2", ("short", (3, 4))),
    ],
)
def test_samples_of_every_type_arrive(receiver: Receive, dtype: str, item: Any) -> None:
    described = sinks.item(0x1000, "x", "", *item)
    item_shape = tuple(described.shape) + ((2,) if "sc" in described.dtype else ())
    rng = np.random.default_rng(1)
    data = rng.integers(-100, 100, (6 * 50, *item_shape)).astype(dtype)
    rx = receiver()
    sink = tcp_sink(rx, described, samples_per_heap=50)
    run_graph(source(data), sink)
    received = [items["x"] for items in rx.items() if "x" in items]
    assert len(received) == 6
    assert received[0].dtype == np.dtype(dtype)
    assert np.array_equal(np.concatenate(received), data)
    assert (sink.heaps_sent(), sink.heaps_failed(), sink.samples_dropped()) == (6, 0, 0)


def test_tagged_packets_of_one_length_arrive(receiver: Receive) -> None:
    data = complex_ramp(1000)
    rx = receiver()
    sink = tcp_sink(rx, SAMPLES)
    run_graph(source(data, [length_tag(i, 100) for i in range(0, 1000, 100)]), sink)
    heaps = rx.heaps()
    assert [h["descriptors"] for h in heaps if h["items"]] == [["samples"]] + [[]] * 9
    assert np.array_equal(
        [h["items"]["samples"] for h in heaps if h["items"]], data.reshape(10, 100)
    )
    assert [h["cnt"] for h in heaps] == list(range(1, 12))


def test_another_length_tag_can_be_named(receiver: Receive) -> None:
    rx = receiver()
    sink = tcp_sink(rx, SAMPLES, length_tag="burst")
    run_graph(source(complex_ramp(7), [tag(0, "burst", 7), tag(0, "packet_len", 3)]), sink)
    assert [len(i["samples"]) for i in rx.items() if i] == [7]


# The default buffer has 8192 complex samples; the largest heaps here are gathered.
@pytest.mark.parametrize("length", [1, 4096, 8191, 8192, 40_000, 2_000_000])
def test_heaps_of_any_size_arrive(receiver: Receive, length: int) -> None:
    data = complex_ramp(3 * length)
    rx = receiver()
    sink = tcp_sink(rx, SAMPLES, samples_per_heap=length)
    run_graph(source(data), sink)
    assert np.array_equal([i["samples"] for i in rx.items() if i], data.reshape(3, length))


@pytest.mark.parametrize("multiple", [1, 1000, 4096])
def test_large_tagged_heap_is_no_deadlock_for_blocks_with_output_multiples(
    receiver: Receive, multiple: int
) -> None:
    """Blocks before the sink that only write large pieces fill their buffers just in part."""
    data = complex_ramp(12_288 * 5)
    rx = receiver()
    sink = tcp_sink(rx, SAMPLES)
    copy = blocks.copy(8)
    copy.set_output_multiple(multiple)
    tags = [length_tag(i, 6144) for i in range(0, len(data), 6144)]
    count = len(data) // multiple * multiple // 6144
    run_graph(source(data, tags), copy, sink)
    received = [i["samples"] for i in rx.items() if i]
    assert np.array_equal(np.concatenate(received), data[: count * 6144])


def test_unfinished_heap_at_the_end_is_counted(receiver: Receive) -> None:
    rx = receiver()
    sink = tcp_sink(rx, SAMPLES, samples_per_heap=64)
    run_graph(source(complex_ramp(64 * 3 + 17)), sink)
    assert len([i for i in rx.items() if i]) == 3
    assert (sink.heaps_sent(), sink.samples_dropped()) == (3, 17)


# ---- Lengths that differ


def packets(lengths: list[int]) -> tuple[list[gr.tag_t], list[int]]:
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).tolist()
    return [length_tag(s, n) for s, n in zip(starts, lengths)], starts


def test_packets_from_one_sample_to_ten_buffers_arrive(receiver: Receive) -> None:
    lengths = [1, 2, 3, 100, 4095, 4096, 4097, 8191, 8192, 81_920, 1, 30_000, 81_920, 5]
    tags, starts = packets(lengths)
    data = complex_ramp(sum(lengths))
    rx = receiver()
    sink = tcp_sink(
        rx,
        SAMPLES,
        variable_length=True,
        scalars=[sinks.counter_item(0x1600, "timestamp", "", step=2)],
    )
    run_graph(source(data, tags), sink)
    items = [i for i in rx.items() if i]
    assert [i["timestamp"] for i in items] == [2 * s for s in starts]
    assert [i["samples"].shape for i in items] == [(n, 2) for n in lengths]
    received = np.concatenate([i["samples"] for i in items]).view(np.complex64)
    assert np.array_equal(received.ravel(), data)


@pytest.mark.parametrize(
    ("dtype", "name"), [("i2", "int16"), ("f4", "float32"), ("u1", "uint8"), ("i1", "sc8")]
)
def test_variable_length_is_in_network_byte_order(receiver: Receive, dtype: str, name: str) -> None:
    pair = (2,) if name == "sc8" else ()
    lengths = [3, 1, 7]
    data = (np.arange(11 * 2 if pair else 11) * 7 - 30).astype(dtype).reshape(11, *pair)
    rx = receiver()
    sink = tcp_sink(rx, sinks.item(0x1000, "x", "", name), variable_length=True)
    run_graph(source(data, packets(lengths)[0]), sink)
    heaps = [h for h in rx.heaps() if h["items"]]
    received = [h["items"]["x"] for h in heaps]
    assert [len(x) for x in received] == lengths
    # A format, not a numpy header: the protocol's byte order.
    bits = np.dtype(dtype).itemsize * 8
    assert heaps[0]["formats"]["x"] == [[np.dtype(dtype).kind, bits]]
    assert np.array_equal(np.concatenate(received), data)


# ---- Several ports


def test_ports_become_items_of_one_heap(receiver: Receive) -> None:
    left, right = complex_ramp(300), np.arange(300 * 4, dtype=np.float32).reshape(300, 4)
    rx = receiver()
    sink = tcp_sink(
        rx,
        [SAMPLES, sinks.item(0x1001, "power", "", "float", (4,))],
        samples_per_heap=100,
    )
    top = gr.top_block()
    top.connect(source(left), (sink, 0))
    top.connect(source(right), (sink, 1))
    top.run()
    items = [i for i in rx.items() if i]
    assert np.array_equal(np.concatenate([i["samples"] for i in items]), left)
    assert np.array_equal(np.concatenate([i["power"] for i in items]), right)


def test_ports_with_tagged_packets_larger_than_buffers(receiver: Receive) -> None:
    lengths = [20_000, 1, 9000]
    data = [complex_ramp(29_001), complex_ramp(29_001)[::-1].copy()]
    rx = receiver()
    sink = tcp_sink(rx, [SAMPLES, (0x1001, "other", "", "complex")], variable_length=True)
    top = gr.top_block()
    for port in range(2):
        top.connect(source(data[port], packets(lengths)[0]), (sink, port))
    top.run()
    items = [i for i in rx.items() if i]
    for port, name in enumerate(["samples", "other"]):
        both = np.concatenate([i[name] for i in items]).view(np.complex64)
        assert np.array_equal(both.ravel(), data[port])


# ---- Scalars


def test_values_of_tags_come_with_the_right_heap(receiver: Receive) -> None:
    time = pmt.make_tuple(pmt.from_uint64(1_700_000_000), pmt.from_double(0.25))
    tags = [
        tag(0, "rx_time", time),
        tag(0, "rx_freq", 1.42e9),
        tag(10, "rx_freq", 1.43e9),
        tag(15, "rx_freq", 1.44e9),  # within a heap: holds from the next one on
        tag(25, "trigger", 7),
        tag(5, "source", pmt.intern("cas A")),
        tag(0, "gain", -3),
    ]
    rx = receiver()
    sink = tcp_sink(
        rx,
        SAMPLES,
        samples_per_heap=10,
        scalars=[
            sinks.tag_item(0x1600, "time", "", "rx_time", rate=1e6),
            sinks.tag_item(0x1601, "sample_time", "", "rx_time", rate=1e6, step=2.5),
            sinks.tag_item(0x1602, "seconds", "", "rx_time", dtype=float),
            sinks.tag_item(0x1603, "freq", "", "rx_freq", dtype="float64"),
            sinks.tag_item(0x1604, "trigger", "", "trigger", dtype="uint16", sticky=False),
            sinks.tag_item(0x1605, "source", "", "source", dtype=str, initial="none"),
            sinks.tag_item(0x1606, "gain", "", "gain", dtype="int8"),
            sinks.tag_item(0x1607, "missing", "", "nothing"),
            sinks.counter_item(0x1608, "count", "", start=2**48 - 4, step=4, dtype="uint48"),
            sinks.counter_item(0x1609, "down", "", start=0, step=-1, dtype="int32"),
            sinks.constant_item(0x160A, "name", "", "ant 7"),
            sinks.constant_item(0x160B, "scale", "", 0.5),
        ],
    )
    run_graph(source(complex_ramp(40), tags), sink)
    items = [i for i in rx.items() if i]
    ticks = 1_700_000_000_250_000
    assert [i["time"] for i in items] == [ticks] * 4
    assert [i["sample_time"] for i in items] == [ticks + 25 * n for n in range(4)]
    assert [i["seconds"] for i in items] == [1_700_000_000.25] * 4
    assert [i["freq"] for i in items] == [1.42e9, 1.43e9, 1.44e9, 1.44e9]
    assert [i.get("trigger") for i in items] == [None, None, 7, None]
    assert [i["source"] for i in items] == ["none", "cas A", "cas A", "cas A"]
    assert [i["gain"] for i in items] == [-3] * 4
    assert all("missing" not in i for i in items)
    assert [i["count"] for i in items] == [2**48 - 4, 36, 76, 116]
    assert [i["down"] for i in items] == [0, -10, -20, -30]
    assert [(i["name"], i["scale"]) for i in items] == [("ant 7", 0.5)] * 4


def test_tag_value_that_does_not_fit_is_left_out_and_counted(receiver: Receive) -> None:
    rx = receiver()
    sink = tcp_sink(
        rx,
        SAMPLES,
        samples_per_heap=10,
        scalars=[sinks.tag_item(0x1600, "n", "", "n", dtype="int8")],
    )
    tags = [tag(0, "n", 5), tag(10, "n", 128), tag(20, "n", pmt.intern("six")), tag(30, "n", 6)]
    run_graph(source(complex_ramp(40), tags), sink)
    assert [i["n"] for i in rx.items() if i] == [5, 5, 5, 6]
    assert sink.bad_tags() == 2


def test_scalars_are_read_from_the_port_they_name(receiver: Receive) -> None:
    rx = receiver()
    sink = tcp_sink(
        rx,
        [SAMPLES, (0x1001, "b", "", "complex")],
        samples_per_heap=10,
        scalars=[sinks.tag_item(0x1600, "n", "", "n", port=1)],
    )
    top = gr.top_block()
    top.connect(source(complex_ramp(10), [tag(0, "n", 1)]), (sink, 0))
    top.connect(source(complex_ramp(10), [tag(0, "n", 2)]), (sink, 1))
    top.run()
    assert [i["n"] for i in rx.items() if i] == [2]


# ---- Descriptors, substreams, control heaps


def test_descriptors_come_again_at_the_interval(receiver: Receive) -> None:
    rx = receiver()
    sink = tcp_sink(rx, SAMPLES, samples_per_heap=10, descriptor_interval=3)
    run_graph(source(complex_ramp(80)), sink)
    assert [bool(h["descriptors"]) for h in rx.heaps() if h["items"]] == [
        n % 3 == 0 for n in range(8)
    ]


def test_start_and_end_heaps_can_be_left_out(receiver: Receive) -> None:
    rx = receiver()
    first = tcp_sink(rx, SAMPLES, samples_per_heap=10, send_start=False)
    run_graph(source(complex_ramp(20)), first)
    assert [h["cnt"] for h in rx.heaps()] == [1, 2]  # and an end heap, which ended the stream


def test_heaps_go_round_the_substreams(receiver: Receive) -> None:
    rx = receiver("udp", streams=3)
    sink = sinks.udp_heap_sink(
        rx.endpoints, SAMPLES, samples_per_heap=10, substream="round_robin", rate=10e6
    )
    data = complex_ramp(70)
    run_graph(source(data), sink)
    for index, heaps in enumerate(rx.streams()):
        mine = [h for h in heaps if h["items"]]
        assert [bool(h["descriptors"]) for h in mine] == [n == 0 for n in range(len(mine))]
        assert np.array_equal([h["items"]["samples"] for h in mine], data.reshape(7, 10)[index::3])


def test_a_tag_names_the_substream(receiver: Receive) -> None:
    rx = receiver("udp", streams=2)
    sink = sinks.udp_heap_sink(
        rx.endpoints,
        SAMPLES,
        samples_per_heap=10,
        substream="tag:beam",
        on_bad_tag="resync",
        rate=10e6,
    )
    data = complex_ramp(60)
    tags = [tag(10, "beam", 1), tag(30, "beam", 0), tag(40, "beam", 2), tag(50, "beam", 1)]
    run_graph(source(data, tags), sink)
    rows = data.reshape(6, 10)
    first, second = rx.streams()
    assert np.array_equal([h["items"]["samples"] for h in first if h["items"]], rows[[3]])
    assert np.array_equal([h["items"]["samples"] for h in second if h["items"]], rows[[1, 2, 5]])
    # Before the first tag, and while it named one that does not exist.
    assert (sink.samples_dropped(), sink.bad_tags()) == (20, 2)


def test_any_stream_of_the_engine_will_do() -> None:
    queue = spead2.InprocQueue()
    pool = spead2.ThreadPool()
    config = spead2.send.StreamConfig(max_packet_size=9000)
    for stream in (
        spead2.send.BytesStream(pool, config),
        spead2.send.InprocStream(pool, [queue], config),
    ):
        sink = sinks.heap_sink(stream, SAMPLES, samples_per_heap=100)
        run_graph(source(complex_ramp(1000)), sink)
        assert (sink.heaps_sent(), sink.heaps_failed()) == (10, 0)
        assert sink.bytes_sent() > 8000
    assert sinks.heap_sink(stream, SAMPLES, samples_per_heap=1).name() == "heap_sink"


def test_a_descriptor_of_the_engine_describes_a_port(receiver: Receive) -> None:
    rx = receiver()
    described = spead2.Descriptor(0x1234, "vis", "pairs", (3,), dtype=np.float32)
    sink = tcp_sink(rx, [described], samples_per_heap=2)
    run_graph(source(np.arange(12, dtype=np.float32).reshape(4, 3)), sink)
    assert [i["vis"].tolist() for i in rx.items() if i] == [
        [[0, 1, 2], [3, 4, 5]],
        [[6, 7, 8], [9, 10, 11]],
    ]


def test_the_flavour_can_be_chosen(receiver: Receive) -> None:
    rx = receiver()
    sink = tcp_sink(
        rx,
        SAMPLES,
        samples_per_heap=10,
        flavour=sinks.Flavour(4, 64, 48),
        scalars=[sinks.counter_item(0x16, "t", "", start=2**47, dtype="uint48")],
    )
    run_graph(source(complex_ramp(10)), sink)
    assert [i["t"] for i in rx.items() if i] == [2**47]
