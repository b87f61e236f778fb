# SPDX-License-Identifier: Apache-2.0
"""What heap_sink makes of samples and tags, as the reference receiver gets it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr, pdu
from gnuradio import spead2 as sinks
from gnuradio_fixtures import Reception, length_tag, run_graph, source, tag

import spead2
import spead2.send

Receive = Callable[..., Reception]


def tcp_sink(rx: Reception, items: Any, **options: Any) -> sinks.HeapSink:
    return sinks.tcp_heap_sink(rx.endpoint, items, **options)


def complex_ramp(n: int) -> np.ndarray:
    return (np.arange(n) - 1j * np.arange(n)[::-1]).astype(np.complex64)


SAMPLES = sinks.item(0x1000, "samples", "of the test", "complex64")


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


# ---- Bad tags

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


# ---- What the network does


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
        while sink.heaps_sent() == before:
            pass
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
        while sink.heaps_sent() == before:
            pass
        top.lock()
        top.disconnect(throttle, sink)
        top.connect(throttle, head, sink)
        top.unlock()
        before = sink.heaps_sent()
        while sink.heaps_sent() == before:
            pass
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
    while sink.heaps_sent() < 3:
        pass
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


# ---- Arguments


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
        ({"max_packet_size": 65512}, ValueError, "max_packet_size is 65512, but UDP"),
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
