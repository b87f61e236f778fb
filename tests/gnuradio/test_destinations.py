# SPDX-License-Identifier: GPL-3.0-or-later
"""Sinks that go elsewhere while they run: no heap is lost, torn, or without its descriptors."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import decoder
import numpy as np
import pmt
import pytest
from collector import Collector
from gnuradio import blocks, gr
from gnuradio import spead2 as sinks
from gnuradio_fixtures import source, wait_until

FLOATS = (0x1000, "x", "", "float")
HEAP = 1000
HEAPS = 120
SO_RCVBUFFORCE = 33  # beyond the system's limit


@pytest.fixture
def places() -> Iterator[list[socket.socket]]:
    """Three sockets to send to."""
    with ExitStack() as stack:
        opened = []
        for _ in range(3):
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            with suppress(PermissionError):
                sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
            opened.append(sock)
        yield opened


def came_to(sock: socket.socket) -> tuple[list[np.ndarray], list[int]]:
    """Return the samples of each heap at a place, as its own descriptors say, and the controls."""
    packets = []
    with suppress(BlockingIOError):
        while True:
            packets.append(decoder.parse(sock.recv(65536)))
    heaps = decoder.assemble_all(packets)  # which are whole
    known: dict[int, decoder.Descriptor] = {}
    samples = []
    for heap in heaps:
        known.update({d.id: d for d in heap.descriptors()})
        samples += [
            decoder.decode_value(decoder.item_bytes(i, known[i.id]), known[i.id])
            for i in heap.items
            if i.id == FLOATS[0]
        ]
    return samples, [c for heap in heaps for c in heap.controls]


def name_of(sock: socket.socket) -> tuple[str, int]:
    host, port = sock.getsockname()
    return host, port


def ramp() -> np.ndarray:
    return np.arange(HEAP * HEAPS, dtype=np.float32)


def command(sink: Any, value: Any, key: str = "destination") -> None:
    sink.to_basic_block()._post(pmt.intern("cmd"), pmt.cons(pmt.intern(key), value))


def test_what_is_queued_goes_where_it_was_to_go(places: list[socket.socket]) -> None:
    """The queue is full when the destination changes; three packets a heap."""
    old, new, _ = places
    sink = sinks.udp_heap_sink(name_of(old), FLOATS, samples_per_heap=HEAP, rate=2e6)
    top = gr.top_block()
    top.connect(source(ramp()), sink)
    top.start()
    wait_until(lambda: sink.queue_length() >= 10)
    least = sink.heaps_sent()
    least += sink.queue_length()
    sink.set_destination(*name_of(new))
    top.wait()
    assert (sink.heaps_sent(), sink.heaps_failed()) == (HEAPS, 0)
    before, controls = came_to(old)
    after, controls_after = came_to(new)
    assert (controls, controls_after) == ([0], [2])
    assert least <= len(before) < HEAPS
    assert np.array_equal(np.concatenate([*before, *after]), ramp())
    assert f"on udp 127.0.0.1:{name_of(new)[1]}:" in repr(sink)


@pytest.mark.parametrize("form", ["pair", "tuple"])
def test_a_command_sends_pdus_elsewhere(places: list[socket.socket], form: str) -> None:
    old, new, _ = places
    host, port = name_of(new)
    sink = sinks.udp_pdu_heap_sink(name_of(old), FLOATS)
    top = gr.top_block()
    top.msg_connect(sink, "stats", blocks.message_debug(), "store")
    top.start()
    pdus = [np.arange(5, dtype=np.float32) + 10 * i for i in range(3)]
    for i, pdu in enumerate(pdus):
        if i == 1:
            place = (host, port) if form == "tuple" else None
            command(
                sink,
                pmt.to_pmt(place)
                if place is not None
                else pmt.cons(pmt.intern(host), pmt.from_long(port)),
            )
            # What comes to one port of a block may overtake what came to another.
            command(sink, pmt.from_long(1000), "descriptor_interval")
            wait_until(lambda: sink.descriptor_interval() == 1000)
        message = pmt.cons(pmt.PMT_NIL, pmt.init_f32vector(len(pdu), pdu.tolist()))
        sink.to_basic_block()._post(pmt.intern("pdus"), message)
        wait_until(lambda: sink.heaps_sent() > i)  # noqa: B023
    top.stop()
    top.wait()
    assert sink.last_error() == ""
    before, after = came_to(old)[0], came_to(new)[0]
    assert np.array_equal(before, pdus[:1])
    assert np.array_equal(after, pdus[1:])


def test_one_substream_goes_elsewhere_before_the_flowgraph_starts(
    places: list[socket.socket],
) -> None:
    first, second, new = places
    sink = sinks.udp_heap_sink(
        [name_of(first), name_of(second)], FLOATS, samples_per_heap=HEAP, substream="round_robin"
    )
    sink.set_destination(*name_of(first), 1)
    sink.set_destination(*name_of(new), 1)  # the last word
    top = gr.top_block()
    top.connect(source(ramp()), sink)
    top.run()
    assert came_to(second) == ([], [])
    heaps = ramp().reshape(HEAPS, HEAP)
    for sock, expected in ((first, heaps[::2]), (new, heaps[1::2])):
        samples, controls = came_to(sock)
        assert np.array_equal(samples, expected)
        assert controls == [0, 2]


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (("::1", 9000), r"different address families: 127\.0\.0\.1:9 and \[::1\]:9000"),
        (("127.0.0.1", 0), r"127\.0\.0\.1:0 has port 0"),
        (("127.0.0.1", 65536), "65536"),
        (("127.0.0.1", -1), "-1"),
        (("127.0.0.1", 9000, 1), "substream 1 is out of range: the stream has 1"),
    ],
)
def test_wrong_destinations_are_refused(place: tuple[Any, ...], text: str) -> None:
    sink = sinks.udp_heap_sink(("127.0.0.1", 9), FLOATS, samples_per_heap=HEAP)
    with pytest.raises(ValueError, match=text):
        sink.set_destination(*place)
    assert "127.0.0.1:9:" in repr(sink)


def test_a_host_that_is_not_known_is_refused() -> None:
    sink = sinks.udp_pdu_heap_sink(("127.0.0.1", 9), FLOATS)
    with pytest.raises(RuntimeError, match="no such host"):
        sink.set_destination("no such host", 9000)


def test_a_multicast_stream_stays_multicast() -> None:
    sink = sinks.udp_heap_sink(("239.255.88.88", 9), FLOATS, samples_per_heap=HEAP, ttl=1)
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:9000 is not a multicast address"):
        sink.set_destination("127.0.0.1", 9000)
    sink.set_destination("239.255.88.89", 9000)


def test_other_transports_refuse() -> None:
    sink = sinks.heap_sink(Collector().stream, FLOATS, samples_per_heap=HEAP)
    with pytest.raises(ValueError, match=r"the stream is inproc.*only UDP streams can"):
        sink.set_destination("127.0.0.1", 9000)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (pmt.from_long(9), "destination' is 9, but must be a host and a port"),
        (pmt.cons(pmt.from_long(9), pmt.from_long(9)), "must be a host and a port"),
        (pmt.cons(pmt.intern("127.0.0.1"), pmt.from_long(70000)), "must be a host and a port"),
        (pmt.to_pmt(("127.0.0.1",)), "must be a host and a port"),
        (pmt.cons(pmt.intern("::1"), pmt.from_long(9000)), "different address families"),
    ],
)
def test_wrong_commands_are_told_and_nothing_changes(value: Any, text: str) -> None:
    sink = sinks.udp_pdu_heap_sink(("127.0.0.1", 9), FLOATS)
    top = gr.top_block()
    top.msg_connect(sink, "stats", blocks.message_debug(), "store")
    top.start()
    command(sink, value)
    wait_until(lambda: sink.bad_tags() > 0)
    top.stop()
    top.wait()
    assert text in sink.last_error()
    assert "127.0.0.1:9:" in repr(sink)
