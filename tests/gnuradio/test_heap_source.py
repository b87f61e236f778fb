# SPDX-License-Identifier: GPL-3.0-or-later
"""What a heap source makes of heaps made by hand: in order or not, with gaps, badly described."""

from __future__ import annotations

import socket
from typing import Any

import numpy as np
import pytest
from gnuradio import gr
from gnuradio import spead2 as heaps
from gnuradio_fixtures import run_graph, source
from loop import Heaps, Loop, Output, receive

import spead2
import spead2.recv
import spead2.send

FLOATS = heaps.item(0x1000, "x", "", "float")
COUNTER = heaps.counter_item(0x1001, "n", "", dtype="uint48")
N = {"shape": (), "format": [("u", 48)]}


def ramp(first: int, count: int = 10) -> np.ndarray:
    return np.arange(first, first + count, dtype=np.float32)


def counted(loop: Loop, *starts: int) -> None:
    """Send heaps of ten samples that say their number."""
    sender = Heaps(loop, x=ramp(0), n=N)
    for start in starts:
        sender.send(x=ramp(start), n=start)
    sender.end()


def plain_heaps(loop: Loop, *cnts: int) -> None:
    """Send heaps of ten samples with nothing but their cnt."""
    sender = Heaps(loop, x=ramp(0))
    for cnt in cnts:
        sender.send(cnt, x=ramp(10 * cnt))
    sender.end()


# ---- What is put out


def test_samples_come_with_their_length_and_their_number() -> None:
    loop = Loop()
    counted(loop, 0, 10, 20)
    block, output = receive(loop, FLOATS, scalars=COUNTER)
    assert np.array_equal(output.data(), ramp(0, 30))
    assert output.tags("packet_len") == [(0, 10), (10, 10), (20, 10)]
    assert output.tags("n") == [(0, 0)]  # those after it follow
    assert output.keys() == {"packet_len", "n"}
    assert (block.heaps_received(), block.bytes_received()) == (3, 120)
    assert (block.heaps_lost(), block.samples_lost(), block.restarts()) == (0, 0, 0)
    assert (block.last_error(), block.error()) == ("", "")


@pytest.mark.parametrize(
    ("dtype", "sent"),
    [
        ("complex", {"dtype": "<c8", "shape": (6,)}),
        ("complex", {"dtype": ">c8", "shape": (6,)}),
        ("complex", {"format": [("f", 32)], "shape": (6, 2)}),
        ("complex", {"format": [("f", 32), ("f", 32)], "shape": (6,)}),
        ("float", {"dtype": ">f4", "shape": (2, 3)}),
        ("float", {"format": [("f", 32)], "shape": (None,)}),
        ("short", {"dtype": ">i2", "shape": (6,)}),
        ("short", {"format": [("i", 16)], "shape": (6,)}),
        ("int", {"dtype": "<i4", "shape": (6,)}),
        ("byte", {"dtype": "u1", "shape": (6,)}),
        ("sc16", {"format": [("i", 16)], "shape": (6, 2)}),
        ("sc16", {"dtype": "<i2", "shape": (6, 2)}),
        ("sc8", {"dtype": "i1", "shape": (6, 2)}),
    ],
)
def test_samples_of_every_description(dtype: str, sent: dict[str, Any]) -> None:
    """What is in the heap is turned into this machine's numbers."""
    port = heaps.item(0x1000, "x", "", dtype)
    values = np.arange(12) if dtype in ("sc16", "sc8") or dtype == "complex" else np.arange(6)
    loop = Loop()
    sender = Heaps(loop, x=sent)
    if dtype == "complex":
        expected: Any = (values[::2] + 1j * values[1::2]).astype(np.complex64)
        given: Any = expected
        if "format" in sent:
            given = values.reshape(6, 2).astype(np.float32)
            if len(sent["format"]) == 2:
                given = [tuple(map(float, pair)) for pair in given]
    else:
        expected = values.reshape(-1, 2) if dtype.startswith("sc") else values
        given = values.reshape([6 if n is None else n for n in sent["shape"]])
    sender.send(x=given)
    sender.end()
    _, output = receive(loop, port)
    assert np.array_equal(output.data(), expected)


def test_vectors_and_several_items() -> None:
    loop = Loop()
    spectra = np.arange(24, dtype=np.float32).reshape(6, 4)
    sender = Heaps(loop, spectra=spectra, flags=np.zeros(6, np.uint8))
    sender.send(spectra=spectra, flags=np.arange(6, dtype=np.uint8))
    sender.send(spectra=spectra + 100, flags=np.arange(6, dtype=np.uint8) + 6)
    sender.end()
    _, output = receive(
        loop,
        heaps.item(0x1000, "spectra", "", "float", (4,)),
        heaps.item(0x1001, "flags", "", "byte"),
    )
    assert np.array_equal(output.data(0), np.concatenate([spectra, spectra + 100]))
    assert np.array_equal(output.data(1), np.arange(12))
    assert output.tags("packet_len", 0) == output.tags("packet_len", 1) == [(0, 6), (6, 6)]


def test_one_sample_a_heap() -> None:
    """The shape of a heap's item is that of a sample, or it is a single number."""
    loop = Loop()
    sender = Heaps(loop, x=np.zeros(4, np.float32), y={"shape": (), "format": [("u", 8)]})
    for n in range(3):
        sender.send(x=np.full(4, n, np.float32), y=n)
    sender.end()
    _, output = receive(
        loop, heaps.item(0x1000, "x", "", "float", 4), heaps.item(0x1001, "y", "", "byte")
    )
    assert output.data(0).tolist() == [[n] * 4 for n in range(3)]
    assert output.data(1).tolist() == [0, 1, 2]


def test_heaps_larger_than_buffers() -> None:
    loop = Loop()
    data = np.arange(300_000, dtype=np.float32)
    sender = Heaps(loop, x=data)
    sender.send(x=data)
    sender.send(x=-data)
    sender.end()
    _, output = receive(loop, FLOATS)
    assert np.array_equal(output.data(), np.concatenate([data, -data]))
    assert output.tags("packet_len") == [(0, 300_000), (300_000, 300_000)]


def test_other_items_are_tags_where_they_change() -> None:
    loop = Loop()
    sender = Heaps(
        loop,
        x=ramp(0),
        gain={"shape": (), "format": [("i", 32)]},
        antenna={"shape": (None,), "format": [("c", 8)]},
        weights=np.zeros(3, np.float64),
        level={"shape": (), "dtype": np.dtype("<f8")},
    )
    for n in range(4):
        sender.send(
            x=ramp(10 * n),
            gain=-7 if n < 2 else 5,
            antenna="m001",
            weights=np.arange(3) + (n > 2),
            level=np.float64(0.5),
        )
    sender.end()
    _, output = receive(loop, FLOATS)
    assert output.tags("gain") == [(0, -7), (20, 5)]
    assert output.tags("antenna") == [(0, "m001")]
    assert output.tags("level") == [(0, 0.5)]
    assert [(at, list(v)) for at, v in output.tags("weights")] == [(0, [0, 1, 2]), (30, [1, 2, 3])]


def test_other_items_may_be_left_out() -> None:
    loop = Loop()
    counted(loop, 0, 10)
    _, output = receive(loop, FLOATS, other_items=False, length_tag="")
    assert output.keys() == set()


def test_values_without_samples_stand_for_those_that_follow() -> None:
    loop = Loop()
    sender = Heaps(loop, x=ramp(0), gain={"shape": (), "format": [("u", 16)]})
    sender.send()
    sender.group["gain"].value = 3
    loop.sender.send_heap(sender.group.get_heap())
    sender.send(x=ramp(0))
    sender.end()
    _, output = receive(loop, FLOATS)
    assert output.tags("gain")[0] == (0, 3)
    assert np.array_equal(output.data(), ramp(0))


# ---- What is missing


LOST = {
    "skip": [*range(10), *range(30, 50)],
    "zeros": [*range(10), *[0] * 20, *range(30, 50)],
    "last": [*range(10), *[9] * 20, *range(30, 50)],
    "nan": [*range(10), *[np.nan] * 20, *range(30, 50)],
    "stop": [*range(10)],
}


@pytest.mark.parametrize("on_lost", LOST)
@pytest.mark.parametrize("by", ["counter", "cnt"])
def test_lost_heaps(on_lost: str, by: str) -> None:
    loop = Loop()
    if by == "counter":
        counted(loop, 0, 30, 40)
    else:
        plain_heaps(loop, 0, 3, 4)
    block, output = receive(
        loop, FLOATS, scalars=[COUNTER] if by == "counter" else [], on_lost=on_lost
    )
    assert np.array_equal(output.data(), LOST[on_lost], equal_nan=True)
    assert block.samples_lost() == 20
    assert block.heaps_lost() == (2 if by == "cnt" else 0)  # the cnts had no gap
    filled = on_lost in ("zeros", "last", "nan")
    assert block.samples_filled() == (20 if filled else 0)
    assert "20 samples are missing before heap" in block.last_error()
    if on_lost == "stop":
        assert "20 samples are missing" in block.error()
        return
    assert output.tags("lost") == [(10, 20)]
    starts = [0, 10, 20, 30, 40] if filled else [0, 10, 20]
    assert output.tags("packet_len") == [(start, 10) for start in starts]
    if by == "counter":
        # With every place filled the numbers follow.
        assert output.tags("n") == ([(0, 0)] if filled else [(0, 0), (10, 30)])


def test_long_gaps_are_not_filled() -> None:
    loop = Loop()
    counted(loop, 0, 10, 2**40)
    block, output = receive(loop, FLOATS, scalars=COUNTER, on_lost="zeros", max_fill=1000)
    assert len(output.data()) == 30
    assert output.tags("lost") == [(20, 2**40 - 20)]
    assert block.samples_filled() == 0
    assert block.samples_lost() == 2**40 - 20


def test_incomplete_heaps_are_lost() -> None:
    loop = Loop()
    data = np.arange(5000, dtype=np.float32)  # three packets a heap
    sender = Heaps(loop, x=data)
    for n in range(4):
        sender.send(x=data + n)
    sender.end()
    loop.packets(without=(4,))
    block, output = receive(loop, FLOATS, on_lost="zeros")
    assert np.array_equal(
        output.data(), np.concatenate([data, np.zeros(5000, np.float32), data + 2, data + 3])
    )
    assert block.heaps_lost() == 1


def test_counters_wrap() -> None:
    counter = heaps.counter_item(0x1001, "n", "", start=250, step=2, dtype="uint8")
    loop = Loop()
    sender = Heaps(loop, x=ramp(0), n={"shape": (), "format": [("u", 8)]})
    for start in (0, 10, 30):
        sender.send(x=ramp(start), n=(250 + 2 * start) % 256)
    sender.end()
    block, output = receive(loop, FLOATS, scalars=counter, on_lost="zeros")
    assert np.array_equal(output.data(), [*range(20), *[0] * 10, *range(30, 40)])
    assert block.samples_lost() == 10
    assert output.tags("n") == [(0, 250)]


@pytest.mark.parametrize("by", ["counter", "cnt"])
def test_heaps_out_of_order_within_the_window(by: str) -> None:
    order = (0, 20, 30, 10, 40, 60, 50)
    loop = Loop()
    if by == "counter":
        counted(loop, *order)
    else:
        plain_heaps(loop, *(n // 10 for n in order))
    block, output = receive(loop, FLOATS, scalars=[COUNTER] if by == "counter" else [])
    assert np.array_equal(output.data(), ramp(0, 70))
    assert (block.samples_lost(), block.heaps_late(), block.heaps_lost()) == (0, 0, 0)


def test_heaps_beyond_the_window_are_late() -> None:
    loop = Loop()
    counted(loop, 0, 20, 30, 40, 10, 50)
    block, output = receive(loop, FLOATS, scalars=COUNTER, window=2)
    assert output.data().tolist() == [*range(10), *range(20, 60)]
    assert (block.samples_lost(), block.heaps_late()) == (10, 1)
    assert "window is 2" in block.last_error()


def test_without_a_window_nothing_waits() -> None:
    loop = Loop()
    counted(loop, 0, 20, 10, 30)
    _, output = receive(loop, FLOATS, scalars=COUNTER, window=0)
    assert output.data().tolist() == [*range(10), *range(20, 40)]


def test_a_heap_that_comes_twice_counts_once() -> None:
    loop = Loop()
    counted(loop, 0, 10, 10, 20)
    block, output = receive(loop, FLOATS, scalars=COUNTER)
    assert np.array_equal(output.data(), ramp(0, 30))
    assert block.heaps_late() == 1


@pytest.mark.parametrize("told", [True, False])
def test_a_sender_that_begins_anew(told: bool) -> None:
    """It says so, or so many heaps come too late that it must be so."""
    loop = Loop(stop_on_stop_item=False)
    sender = Heaps(loop, x=ramp(0), n=N)
    for start in range(1000, 1050, 10):
        sender.send(x=ramp(start), n=start)
    if told:
        sender.start()
    for start in range(0, 120, 10):
        sender.send(x=ramp(start), n=start)
    loop.queue.stop()
    block, output = receive(loop, FLOATS, scalars=COUNTER, window=2)
    late = 0 if told else 6
    assert output.data().tolist() == [*range(1000, 1050), *range(10 * late, 120)]
    assert (block.restarts(), block.heaps_late(), block.samples_lost()) == (1, late, 0)
    assert output.tags("lost") == [(50, 0)]
    assert output.tags("n") == [(0, 1000), (50, 10 * late)]


# ---- What is not as it should be


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (
            {"x": np.zeros(10, np.int16)},
            r"item 'x' \(0x1000\) is described as int16 of shape \(10,\), but port 0 takes float",
        ),
        ({"x": np.zeros(10, np.float64)}, "is described as float64 of shape"),
        (
            {"x": {"shape": (10,), "format": [("u", 3)]}},
            r"is described as uint3 of shape \(10,\), but port 0 takes float",
        ),
        ({"y": np.zeros(3), "x": np.zeros(10, np.float32)}, r"is described as float64"),
    ],
)
@pytest.mark.parametrize("on_bad_heap", ["error", "skip"])
def test_descriptors_that_contradict_the_port(
    sent: dict[str, Any], message: str, on_bad_heap: str
) -> None:
    loop = Loop()
    sender = Heaps(loop, **sent)
    sender.send()
    sender.end()
    block, output = receive(loop, FLOATS, on_bad_heap=on_bad_heap)
    assert len(output.data()) == 0
    assert block.bad_heaps() == 1
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(block.last_error())
    assert bool(block.error()) == (on_bad_heap == "error")


def test_the_shape_of_samples_is_that_of_the_port() -> None:
    loop = Loop()
    Heaps(loop, x=np.zeros((6, 3), np.float32)).send()
    block, _ = receive(loop, heaps.item(0x1000, "x", "", "float", (4,)))
    assert (
        "item 'x' (0x1000) is described as float32 of shape (6, 3), but port 0 takes float of "
        "shape (4,)" in block.error()
    )


def test_a_name_under_another_id_is_told() -> None:
    loop = Loop()
    Heaps(loop, x=ramp(0)).send(x=ramp(0))
    block, _ = receive(loop, heaps.item(0x2000, "x", "", "float"))
    assert "item 'x' (0x1000) has the name of port 0, but that is for item 'x' (0x2000)" in (
        block.error()
    )


def test_scalars_that_are_described_otherwise() -> None:
    loop = Loop()
    Heaps(loop, x=ramp(0), n={"shape": (None,), "format": [("c", 8)]}).send()
    block, _ = receive(loop, FLOATS, scalars=COUNTER)
    assert "item 'n' (0x1001) is described as text8" in block.error()


def test_a_counter_that_is_missing_is_told() -> None:
    loop = Loop()
    plain_heaps(loop, 1)
    block, _ = receive(loop, FLOATS, scalars=COUNTER)
    assert "there is no item 'n' (0x1001), which says where in time" in block.error()


def test_items_of_a_heap_that_do_not_go_together() -> None:
    loop = Loop()
    sender = Heaps(
        loop,
        x={"shape": (None,), "format": [("f", 32)]},
        y={"shape": (None,), "format": [("f", 32)]},
    )
    sender.send(x=ramp(0, 4), y=ramp(0, 4))
    sender.send(x=ramp(4, 3), y=ramp(4, 2))
    sender.group["x"].value = ramp(0, 1)
    loop.sender.send_heap(sender.group.get_heap(data="stale"))
    sender.send(x=ramp(7, 4), y=ramp(7, 4))
    sender.end()
    ports = (FLOATS, heaps.item(0x1001, "y", "", "float"))
    block, output = receive(loop, *ports, on_bad_heap="skip")
    assert block.bad_heaps() == 2
    assert "there is no item 'y' (0x1001), which port 1 takes" in block.last_error() or (
        "samples are missing" in block.last_error()
    )
    assert np.array_equal(output.data(0), [*range(4), *range(7, 11)])
    assert np.array_equal(output.data(1), [*range(4), *range(7, 11)])


def test_undescribed_heaps_are_dropped_until_descriptors_come() -> None:
    loop = Loop()
    sender = Heaps(loop, x=ramp(0))
    for n in range(5):
        sender.send(x=ramp(10 * n), descriptors="all" if n == 2 else "none")
    sender.end()
    block, output = receive(loop, FLOATS)
    assert np.array_equal(output.data(), ramp(20, 30))
    assert block.heaps_undescribed() == 2
    assert (block.samples_lost(), block.heaps_lost(), block.bad_heaps()) == (0, 0, 0)


@pytest.mark.parametrize(("undescribed", "order"), [("native", "="), ("network", ">")])
def test_undescribed_heaps_may_be_taken_as_expected(undescribed: str, order: str) -> None:
    loop = Loop()
    sender = Heaps(loop, x=ramp(0).astype(order + "f4"), n=N)
    for n in range(2):
        sender.send(x=ramp(10 * n), n=10 * n, descriptors="none")
    sender.end()
    block, output = receive(loop, FLOATS, undescribed=undescribed, scalars=COUNTER)
    assert np.array_equal(output.data(), ramp(0, 20))
    assert output.tags("n") == [(0, 0)]
    assert block.heaps_undescribed() == 0


def test_payload_that_is_too_short_for_its_shape() -> None:
    loop = Loop()
    sender = Heaps(loop, x=ramp(0, 100))
    sender.send()
    raw = spead2.send.ItemGroup()
    raw.add_item(0x1000, "x", "", shape=(10,), dtype=np.float32, value=ramp(0))
    loop.sender.send_heap(raw.get_heap(descriptors="none", data="all"))
    block, _ = receive(loop, FLOATS)
    assert "item 'x' (0x1000) has 40 bytes, fewer than float32 of shape (100,)" in block.error()


@pytest.mark.parametrize("shape", [(), (2,)])
def test_a_part_of_a_sample_is_none(shape: tuple[int, ...]) -> None:
    """The heap's item has the shape of one sample, and half of its bytes."""
    loop = Loop()
    sender = Heaps(loop, x={"shape": shape, "dtype": np.dtype("<c8")})
    sender.send()
    raw = spead2.send.ItemGroup()
    raw.add_item(0x1000, "x", "", shape=shape, dtype=np.float32, value=np.ones(shape, np.float32))
    loop.sender.send_heap(raw.get_heap(descriptors="none", data="all"))
    block, output = receive(loop, heaps.item(0x1000, "x", "", "complex", shape))
    assert "fewer than complex64" in block.error()
    assert len(output.data()) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on_lost": "nan", "items": ("short",)}, "'short' has no such numbers"),
        ({"on_lost": "never"}, "use 'skip' or 'zeros'"),
        ({"window": -1}, "window is -1, but must be at least 0"),
        ({"scalars": heaps.counter_item(0x1000, "n", "")}, "id 4096 is used twice"),
        ({"scalars": heaps.tag_item(0x1001, "n", "", "k", port=1)}, "there are 1 output ports"),
        ({"items": ()}, "items is empty"),
    ],
)
def test_arguments_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    items = [(0x1000, "x", "", dtype) for dtype in options.pop("items", ("float",))]
    with pytest.raises(ValueError, match=message):
        heaps.heap_source(Loop().receiver, items, **options)


def test_a_source_needs_a_stream() -> None:
    with pytest.raises((ValueError, TypeError)):
        heaps.heap_source(None, FLOATS)  # type: ignore[arg-type]


# ---- Sockets


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_one_line_forms(transport: str) -> None:
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    address = ("127.0.0.1", free_port(kind))
    block = getattr(heaps, f"{transport}_heap_source")(address, FLOATS, on_lost="stop")
    top = gr.top_block()
    output = Output(top, block, FLOATS)
    top.start()
    sink = getattr(heaps, f"{transport}_heap_sink")(address, FLOATS, samples_per_heap=100)
    run_graph(source(ramp(0, 5000)), sink)
    top.wait()
    assert np.array_equal(output.data(), ramp(0, 5000))
    assert block.error() == ""


def test_wrong_addresses_say_so() -> None:
    with pytest.raises(TypeError, match=r"address is 'here', but must be \(host, port\) or a port"):
        heaps.udp_receiver("here")
    with pytest.raises(ValueError, match="port is 65536, but must be at most 65535"):
        heaps.udp_receiver(65536)
    with pytest.raises(TypeError, match="unexpected keyword argument 'ttl'"):
        heaps.udp_receiver(0, ttl=3)
    with pytest.raises(OSError, match=r"[Aa]ddress"):
        heaps.udp_receiver(("192.0.2.1", 0))
