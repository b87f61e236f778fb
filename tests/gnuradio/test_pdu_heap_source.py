# SPDX-License-Identifier: GPL-3.0-or-later
"""PDUs that a PDU heap source makes of heaps."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr
from gnuradio import spead2 as heaps
from gnuradio_fixtures import wait_until
from loop import Heaps, Loop
from test_heap_source import N, ramp


class taker(gr.basic_block):  # noqa: N801  as GNU Radio's blocks are named
    """Keeps PDUs; waits before each until it is told to go on."""

    def __init__(self, wait: bool = False) -> None:
        gr.basic_block.__init__(self, "taker", None, None)
        self.message_port_register_in(pmt.intern("in"))
        self.set_msg_handler(pmt.intern("in"), self.handle)
        self.go_on = threading.Event()
        if not wait:
            self.go_on.set()
        self.pdus: list[tuple[dict[str, Any], np.ndarray]] = []

    def handle(self, message: Any) -> None:
        self.go_on.wait()
        self.pdus.append((pmt.to_python(pmt.car(message)), elements(pmt.cdr(message))))


def elements(vector: Any) -> np.ndarray:
    """The numbers of a uniform vector; pmt.to_python() does not know all of them."""
    for kind in "u", "s", "f", "c":
        for bits in 8, 16, 32, 64:
            if getattr(pmt, f"is_{kind}{bits}vector", lambda _: False)(vector):
                code = f"{kind.replace('s', 'i')}{bits // (4 if kind == 'c' else 8)}"
                return np.array(getattr(pmt, f"{kind}{bits}vector_elements")(vector), dtype=code)
    raise AssertionError(f"{vector} is no uniform vector")


def receive(
    loop: Loop, item: Any, **options: Any
) -> tuple[heaps.PduHeapSource, list[tuple[dict[str, Any], np.ndarray]]]:
    """Run a source until its stream ends."""
    block = heaps.pdu_heap_source(loop.receiver, item, **options)
    end = taker()
    top = gr.top_block()
    top.msg_connect(block, "pdus", end, "in")
    top.run()
    return block, end.pdus


@pytest.mark.parametrize(
    "dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8", "c8", "c16"]
)
@pytest.mark.parametrize("variable_length", [True, False])
def test_a_pdu_sink_into_a_pdu_source_is_the_identity(dtype: str, variable_length: bool) -> None:
    item = (0x1000, "x", "", dtype)
    scalars = [
        heaps.tag_item(0x1001, "f", "", "freq", dtype="float64"),
        heaps.tag_item(0x1002, "s", "", "label", dtype="str", sticky=False),
        heaps.counter_item(0x1003, "n", ""),
    ]
    lengths = [1, 3, 1000] if variable_length else [7, 7, 7]
    sent = [(np.arange(n) + i).astype(dtype) for i, n in enumerate(lengths)]
    loop = Loop()
    sink = heaps.pdu_heap_sink(loop.sender, item, scalars=scalars, variable_length=variable_length)
    top = gr.top_block()
    top.msg_connect(sink, "stats", blocks.message_debug(), "store")
    top.start()
    for i, data in enumerate(sent):
        kind = {"i": "s"}.get(data.dtype.kind, data.dtype.kind)
        bits = data.dtype.itemsize * (4 if kind == "c" else 8)
        vector = getattr(pmt, f"init_{kind}{bits}vector")(len(data), data.tolist())
        metadata = pmt.to_pmt({"freq": 0.5 * i, **({"label": "last"} if i == 2 else {})})
        sink.to_basic_block()._post(pmt.intern("pdus"), pmt.cons(metadata, vector))
    top.stop()
    top.wait()
    block, pdus = receive(loop, item, scalars=scalars)
    assert [p[1].dtype for p in pdus] == [np.dtype(dtype)] * 3
    for (_, got), data in zip(pdus, sent):
        assert np.array_equal(got, data)
    numbers = [0, *np.cumsum(lengths)[:2].tolist()]
    expected = [{"freq": 0.5 * i, "n": number} for i, number in enumerate(numbers)]
    expected[2]["label"] = "last"
    assert [p[0] for p in pdus] == expected
    assert (block.heaps_received(), block.error()) == (3, "")


def test_other_items_are_metadata() -> None:
    loop = Loop()
    sender = Heaps(
        loop,
        frame=np.zeros(3, np.uint8),
        quality={"shape": (), "format": [("i", 8)]},
        weights=np.zeros(2, np.float32),
    )
    for n in range(2):
        sender.send(
            frame=np.arange(3, dtype=np.uint8) + n,
            quality=-n,
            weights=np.array([n, 2.5], np.float32),
        )
    sender.end()
    _, pdus = receive(loop, (0x1000, "frame", "", "byte"))
    assert [list(data) for _, data in pdus] == [[0, 1, 2], [1, 2, 3]]
    assert [m["quality"] for m, _ in pdus] == [0, -1]
    assert [list(m["weights"]) for m, _ in pdus] == [[0, 2.5], [1, 2.5]]


@pytest.mark.parametrize("on_lost", ["skip", "stop"])
def test_lost_heaps_are_told(on_lost: str) -> None:
    loop = Loop()
    sender = Heaps(loop, x=ramp(0), n=N)
    for start in (0, 10, 40, 50):
        sender.send(x=ramp(start), n=start)
    sender.end()
    block, pdus = receive(
        loop,
        (0x1000, "x", "", "float"),
        scalars=heaps.counter_item(0x1001, "n", ""),
        on_lost=on_lost,
    )
    expected: list[dict[str, Any]] = [{"n": 0}, {"n": 10}, {"n": 40, "lost": 20}, {"n": 50}]
    assert [m for m, _ in pdus] == (expected if on_lost == "skip" else expected[:2])
    assert bool(block.error()) == (on_lost == "stop")
    assert block.samples_lost() == 20


def test_blocks_that_are_behind_make_the_source_wait() -> None:
    loop = Loop()
    sender = Heaps(loop, x=ramp(0))
    for _ in range(500):
        sender.send(x=ramp(0))
    sender.end()
    block = heaps.pdu_heap_source(loop.receiver, (0x1000, "x", "", "float"), max_queue=5)
    end = taker(wait=True)
    top = gr.top_block()
    top.msg_connect(block, "pdus", end, "in")
    top.start()
    wait_until(lambda: block.pauses() > 0)
    assert block.heaps_received() <= 7
    assert loop.queue.qsize() > 400
    end.go_on.set()
    top.wait()
    assert len(end.pdus) == 500


def test_start_stop_and_destruction() -> None:
    loop = Loop()
    sender = Heaps(loop, x=ramp(0))
    block = heaps.pdu_heap_source(loop.receiver, (0x1000, "x", "", "float"))
    end = taker()
    top = gr.top_block()
    top.msg_connect(block, "pdus", end, "in")
    top.start()
    for n in range(20):
        sender.send(x=ramp(n))
        if n % 5 == 0:
            top.lock()
            top.unlock()
    wait_until(lambda: len(end.pdus) == 20)
    top.stop()
    top.wait()
    assert [data[0] for _, data in end.pdus] == list(range(20))
    assert block.samples_lost() == 0
    del top, block


def test_contradictions_stop_it() -> None:
    loop = Loop()
    Heaps(loop, x=np.zeros(10, np.int16)).send()
    block, pdus = receive(loop, (0x1000, "x", "", "float"))
    assert pdus == []
    assert "is described as int16" in block.error()


def test_arguments_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="max_queue is 0"):
        heaps.pdu_heap_source(Loop().receiver, (0x1000, "x", "", "float"), max_queue=0)
