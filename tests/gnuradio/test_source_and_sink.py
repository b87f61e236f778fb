# SPDX-License-Identifier: GPL-3.0-or-later
"""A heap sink into a heap source is the identity, tags included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pmt
from gnuradio import blocks, gr
from gnuradio import spead2 as heaps
from gnuradio_fixtures import length_tag, source, tag
from hypothesis import given
from hypothesis import strategies as st
from loop import Loop, Output, receive
from strategies import examples

DTYPES = ["complex", "float", "int", "short", "byte", "int8", "sc16", "sc8"]
CODES = {
    "complex": "c8",
    "float": "f4",
    "int": "i4",
    "short": "i2",
    "byte": "u1",
    "int8": "i1",
    "sc16": "i2",
    "sc8": "i1",
}
RATE = 1_000_000
SCALARS = [
    heaps.counter_item(0x1600, "n", "", start=2**48 - 100, step=3, dtype="uint48"),
    heaps.tag_item(0x1601, "time", "", "rx_time", rate=RATE, step=1),
    heaps.tag_item(0x1602, "frequency", "", "rx_freq", dtype="float64"),
    heaps.tag_item(0x1603, "burst", "", "burst", sticky=False, dtype="int32"),
    heaps.tag_item(0x1604, "label", "", "label", dtype="str"),
    heaps.constant_item(0x1605, "antenna", "", 7),
]


@st.composite
def journeys(draw: st.DrawFn) -> dict[str, Any]:
    """Lengths of packets, types of ports, and tags at the beginnings of packets."""
    variable = draw(st.booleans())
    length = st.integers(1, 3000)
    if variable:
        lengths = draw(st.lists(length, min_size=1, max_size=8))
    else:
        lengths = [draw(length)] * draw(st.integers(1, 8))
    ports = draw(
        st.lists(st.tuples(st.sampled_from(DTYPES), st.integers(1, 3)), min_size=1, max_size=3)
    )
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    at = st.sampled_from(starts)
    return {
        "lengths": lengths,
        "variable": variable,
        "tagged": variable or draw(st.booleans()),
        "ports": ports,
        "frequencies": draw(st.dictionaries(at, st.floats(-1e12, 1e12), max_size=3)),
        "bursts": draw(st.dictionaries(at, st.integers(-(2**31), 2**31 - 1), max_size=3)),
        "labels": draw(st.dictionaries(at, st.sampled_from(["", "a", "North-west"]), max_size=3)),
        "time": draw(st.integers(0, 2**31)),
        "seed": draw(st.integers(0, 2**32 - 1)),
        "window": draw(st.integers(0, 5)),
    }


def samples(rng: np.random.Generator, dtype: str, count: int, length: int) -> np.ndarray:
    """Any bytes at all, as long as they are numbers."""
    code = np.dtype(CODES[dtype])
    pair = 2 if dtype in ("sc16", "sc8") else 1
    if code.kind in "fc":
        values = rng.standard_normal((count, length * (2 if code.kind == "c" else 1)))
        return values.astype(np.float32).view(code).reshape(count, length)
    size = count * length * pair * code.itemsize
    data = rng.integers(0, 256, size, dtype=np.uint8).view(code)
    return data.reshape(count, length * pair)


def tag_list(journey: dict[str, Any], starts: list[int]) -> list[gr.tag_t]:
    time = divmod(journey["time"], RATE)
    tags = [
        tag(0, "rx_time", pmt.make_tuple(pmt.from_uint64(time[0]), pmt.from_double(time[1] / RATE)))
    ]
    tags += [tag(at, "rx_freq", value) for at, value in journey["frequencies"].items()]
    tags += [tag(at, "burst", value) for at, value in journey["bursts"].items()]
    tags += [tag(at, "label", pmt.intern(value)) for at, value in journey["labels"].items()]
    if journey["tagged"]:
        tags += [length_tag(at, n) for at, n in zip(starts, journey["lengths"])]
    return tags


def changes(values: dict[int, Any]) -> list[tuple[int, Any]]:
    """What a value that stands until the next is told as."""
    told: list[tuple[int, Any]] = []
    for at in sorted(values):
        if not told or told[-1][1] != values[at]:
            told.append((at, values[at]))
    return told


@given(journeys())
@examples(40)
def test_what_goes_into_a_sink_comes_out_of_a_source(journey: dict[str, Any]) -> None:
    rng = np.random.default_rng(journey["seed"])
    lengths = journey["lengths"]
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    items = [
        heaps.item(0x1000 + i, f"port{i}", "", dtype if dtype != "int8" else "i1", vlen)
        for i, (dtype, vlen) in enumerate(journey["ports"])
    ]
    data = [samples(rng, dtype, sum(lengths), vlen) for dtype, vlen in journey["ports"]]
    loop = Loop()
    sink = heaps.heap_sink(
        loop.sender,
        items,
        samples_per_heap=0 if journey["tagged"] else lengths[0],
        variable_length=journey["variable"],
        scalars=SCALARS,
        sample_rate=RATE,
    )
    receiver = heaps.heap_source(loop.receiver, items, scalars=SCALARS, window=journey["window"])
    top = gr.top_block()
    tags = tag_list(journey, starts)
    for port, (values, (dtype, _)) in enumerate(zip(data, journey["ports"])):
        # Tags of the packets on each port, the others on the first.
        own = [t for t in tags if port == 0 or pmt.symbol_to_string(t.key) == "packet_len"]
        raw = values.view(np.uint8) if dtype == "int8" else values
        top.connect(vectors(raw, dtype, own), (sink, port))
    output = Output(top, receiver, *items)
    top.run()

    assert (sink.error(), receiver.error()) == ("", "")
    for port, values in enumerate(data):
        assert np.array_equal(
            output.data(port).reshape(sum(lengths), -1).view(np.uint8),
            values.view(np.uint8).reshape(sum(lengths), -1),
        )
        assert output.tags("packet_len", port) == list(zip(starts, lengths))
    (when,) = output.tags("rx_time")
    assert when == (0, (journey["time"] // RATE, journey["time"] % RATE / RATE))
    assert output.tags("rx_freq") == changes(journey["frequencies"])
    assert output.tags("burst") == sorted(journey["bursts"].items())
    assert output.tags("label") == changes(journey["labels"])
    assert output.tags("n") == [(0, 2**48 - 100)]
    assert output.tags("antenna") == [(0, 7)]
    assert receiver.heaps_received() == sink.heaps_sent() == len(lengths)
    assert (receiver.samples_lost(), receiver.heaps_lost(), receiver.last_error()) == (0, 0, "")


def vectors(values: np.ndarray, dtype: str, tags: list[gr.tag_t]) -> gr.basic_block:
    """A source of vectors; those of pairs of integers are of bytes or shorts."""
    if dtype == "int8":
        return blocks.vector_source_b(values.ravel().tolist(), False, values.shape[1], tags)
    return source(values, tags)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=6), st.sampled_from(["zeros", "skip"]))
@examples(20)
def test_gaps_in_time_are_the_same_on_both_sides(gaps: list[int], on_lost: str) -> None:
    """Samples lost in front of a sink are told by a source behind it, as they were to the sink."""
    data = np.arange(1, 100 * (len(gaps) + 1) + 1, dtype=np.float32)
    tags, lost = [], 0
    for i, gap in enumerate([0, *gaps]):
        lost += gap
        seconds, rest = divmod(100 * i + lost, 1000)
        time = pmt.make_tuple(pmt.from_uint64(seconds), pmt.from_double(rest / 1000))
        tags.append(tag(100 * i, "rx_time", time))
    scalars = [
        heaps.counter_item(0x1001, "n", ""),
        heaps.tag_item(0x1002, "t", "", "rx_time", rate=1000, step=1),
    ]
    item = heaps.item(0x1000, "x", "", "float")
    loop = Loop()
    sink = heaps.heap_sink(
        loop.sender, item, samples_per_heap=50, sample_rate=1000, scalars=scalars
    )
    top = gr.top_block()
    top.connect(source(data, tags), sink)
    top.run()
    block, output = receive(loop, item, scalars=scalars, on_lost=on_lost)
    assert block.samples_lost() == sum(gaps)
    if on_lost == "skip":
        assert np.array_equal(output.data(), data)
        places = np.cumsum([0, *gaps]) + 100 * np.arange(len(gaps) + 1)
        expected = [
            (100 * i, (place // 1000, place % 1000 / 1000))
            for i, (place, gap) in enumerate(zip(places.tolist(), [1, *gaps]))
            if gap
        ]
        assert output.tags("rx_time") == expected
        return
    whole = np.concatenate(
        [np.r_[np.zeros(gap), data[100 * i : 100 * i + 100]] for i, gap in enumerate([0, *gaps])]
    )
    assert np.array_equal(output.data(), whole)
    assert len(output.tags("rx_time")) == 1
