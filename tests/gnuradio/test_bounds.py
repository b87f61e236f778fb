# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes from outside with tags and metadata neither piles up nor fills logs or the stack."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pmt
import pytest
from collector import Collector
from gnuradio import blocks, gr
from gnuradio import spead2 as sinks
from gnuradio_fixtures import run_graph, source, tag, wait_until


def megabytes() -> float:
    """Memory of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6


class Tagger(gr.sync_block):
    """A tag for an item on every third sample, and no length tag."""

    def __init__(self, count: int) -> None:
        gr.sync_block.__init__(self, "tagger", None, [np.uint8])
        self.value = pmt.intern("a value that is long enough to be in memory of its own" * 2)
        self.left = count
        self.done = 0

    def work(self, _: Any, output_items: list[np.ndarray]) -> int:
        """Make samples, until enough are made."""
        n = min(len(output_items[0]), 6000, self.left) // 3 * 3
        if n == 0:
            return -1
        for i in range(0, n, 3):
            self.add_item_tag(0, self.done + i, pmt.intern("note"), self.value)
        self.done += n
        self.left -= n
        return n


@pytest.mark.parametrize("sticky", [True, False])
@pytest.mark.parametrize(
    "options",
    [{"on_bad_tag": "resync"}, {"samples_per_heap": 10_000_000}, {"substream": "tag:none"}],
    ids=["no heap is made", "a heap takes long", "no substream is named"],
)
def test_values_of_tags_do_not_pile_up(options: dict[str, Any], sticky: bool) -> None:
    def run(count: int) -> None:
        arguments = dict(options)
        if "substream" in arguments:
            arguments.update(samples_per_heap=1000, on_bad_tag="resync")
        sink = sinks.heap_sink(
            Collector().stream,
            (0x1000, "x", "", "byte"),
            scalars=[sinks.tag_item(0x1600, "note", "", "note", dtype="str", sticky=sticky)],
            **arguments,
        )
        run_graph(Tagger(count), sink)

    run(30_000)
    before = megabytes()
    run(1_200_000)  # 400,000 values of 110 bytes, if they were kept
    assert megabytes() - before < 20


def test_values_of_metadata_do_not_pile_up() -> None:
    sink = sinks.pdu_heap_sink(
        Collector().stream,
        (0x1000, "x", "", "uint8"),
        substream="tag:beam",
        scalars=[sinks.tag_item(0x1600, "note", "", "note", dtype="str")],
    )
    top = gr.top_block()
    top.msg_connect(sink, "stats", blocks.message_debug(), "store")
    top.start()
    metadata = pmt.to_pmt({"beam": 7, "note": "n" * 3000})
    message = pmt.cons(metadata, pmt.init_u8vector(1, [1]))

    def post(count: int) -> None:
        seen = sink.bad_tags()
        for n in range(count):
            sink.to_basic_block()._post(pmt.intern("pdus"), message)
            wait_until(lambda: sink.bad_tags() >= seen + n - 50)  # noqa: B023
        wait_until(lambda: sink.bad_tags() >= seen + count)

    post(100)
    before = megabytes()
    post(10_000)  # 30 MB, if they were kept
    assert megabytes() - before < 10
    top.stop()
    top.wait()
    assert sink.samples_dropped() == 10_100


def test_the_last_value_of_many_is_the_one_that_a_heap_has() -> None:
    """Forgetting those between must not lose those that count."""
    heap, count = 40_000, 10  # larger than buffers
    tags = [tag(n, "note", n) for n in range(0, heap * count, 777)]
    collector = Collector()
    sink = sinks.heap_sink(
        collector.stream,
        (0x1000, "x", "", "byte"),
        samples_per_heap=heap,
        variable_length=True,
        scalars=[
            sinks.tag_item(0x1600, "last", "", "note"),
            sinks.tag_item(0x1601, "first", "", "note", sticky=False),
        ],
    )
    run_graph(source(np.zeros(heap * count, np.uint8), tags), sink)
    items = collector.items()
    assert len(items) == count
    for n, item in enumerate(items):
        start = n * heap
        assert item["last"] == start // 777 * 777
        assert item["first"] == -(-start // 777) * 777


def nested(depth: int) -> Any:
    value = pmt.PMT_NIL
    for _ in range(depth):
        value = pmt.cons(value, pmt.PMT_NIL)
    return value


PROGRAM = """
import sys
import time
import pmt
import spead2, spead2.send
from gnuradio import blocks, gr
from gnuradio import spead2 as sinks

value = {value}
stream = spead2.send.BytesStream(spead2.ThreadPool())
sink = sinks.pdu_heap_sink(
    stream,
    (0x1000, "x", "", "uint8"),
    scalars=[sinks.tag_item(0x1600, "k", "", "k", dtype="{dtype}")],
)
top = gr.top_block()
top.msg_connect(sink, "stats", blocks.message_debug(), "store")
top.start()
metadata = pmt.dict_add(pmt.make_dict(), pmt.intern("k"), value)
for _ in range({times}):
    sink.to_basic_block()._post(
        pmt.intern("pdus"), pmt.cons(metadata, pmt.init_u8vector(2, [1, 2]))
    )
while sink.heaps_sent() < {times}:
    time.sleep(0.001)
top.stop()
top.wait()
print(sink.bad_tags(), flush=True)
import os
os._exit(0)  # the depth of the value is the interpreter's matter, not ours
"""
DEEP = "pmt.PMT_NIL\nfor _ in range(50_000): value = pmt.cons(value, pmt.PMT_NIL)"


@pytest.mark.parametrize("dtype", ["uint64", "str"])
@pytest.mark.parametrize(
    ("value", "times"),
    [
        (DEEP, 1),
        ("pmt.init_u8vector(5_000_000, [7] * 5_000_000)", 30),
        ("pmt.make_vector(100_000, pmt.from_long(7))", 30),
        ("pmt.to_pmt(['a' * 50_000] * 5)", 30),
    ],
    ids=["deep", "samples", "long", "texts"],
)
def test_values_of_any_size_are_told_in_a_line(value: str, times: int, dtype: str) -> None:
    code = PROGRAM.format(value=value, times=times, dtype=dtype)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr[-1000:]
    assert done.stdout.splitlines()[-1] == str(times)
    said = done.stdout + done.stderr
    assert "which item 'k' of dtype" in said
    assert len(said) < 2000


def test_texts_of_short_values_are_whole() -> None:
    values = [pmt.to_pmt((1, "b")), pmt.to_pmt({"a": 2}), pmt.from_double(1.5), pmt.PMT_T]
    collector = Collector()
    sink = sinks.heap_sink(
        collector.stream,
        (0x1000, "x", "", "byte"),
        samples_per_heap=1,
        scalars=[sinks.tag_item(0x1600, "k", "", "k", dtype=str)],
    )
    tags = [tag(n, "k", value) for n, value in enumerate(values)]
    run_graph(source(np.zeros(4, np.uint8), tags), sink)
    texts = [b"".join(i["k"]).decode() for i in collector.items()]
    assert texts == ["{1 b}", "((a . 2))", "1.5", "#t"]
