# SPDX-License-Identifier: Apache-2.0
"""Whatever packets come, in whatever order: the reference package makes the same heaps of them.

Also the same statistics, log messages, descriptions and values. Where it is known to be wrong, a
test in tests/recv says what ours makes of it.
"""

from __future__ import annotations

import dataclasses
import random
import re
from typing import Any

import hypothesis
import numpy as np
import packets
import pytest
import reception
import recipes
import strategies
from hypothesis import strategies as st


def has_elements(sample: strategies.Sample) -> bool:
    """Whether a value has any: of others, the reference's receiver makes none."""
    return bool(np.size(sample.expected) if isinstance(sample.expected, np.ndarray)
                else _count(sample.expected))  # fmt: skip


def _count(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(_count, value))
    return 1


@st.composite
def sent_heaps(draw: st.DrawFn, cnt: int, flavour: tuple[int, int, int, int]) -> list[bytes]:
    """Return the packets of a heap as our senders make it."""
    parts = []
    for number in draw(st.lists(st.integers(0, 5), unique=True, max_size=3)):
        sample = draw(strategies.samples(0x20 + number, f"item {number}").filter(has_elements))
        kinds = draw(st.sampled_from([("descriptor", "item"), ("descriptor",), ("item",)]))
        parts += [recipes.Part(kind, sample.description) for kind in kinds]
    for control in draw(st.lists(st.sampled_from(["start", "end"]), max_size=1)):
        parts.append(recipes.Part(control))
    recipe = recipes.HeapRecipe(flavour, tuple(parts))
    return recipes.packets(recipe, cnt, draw(st.sampled_from([72, 104, 256, 1472])))


@st.composite
def made_heaps(draw: st.DrawFn, cnt: int) -> list[bytes]:
    """Return the packets of a heap made by hand: lengths may be missing or contradict others."""
    payload = draw(st.binary(max_size=24))
    # A heap with an item beyond its end is never complete.
    addresses = st.one_of(st.integers(0, len(payload)), st.integers(0, len(payload) + 3))
    pointers = draw(
        st.lists(
            st.one_of(
                st.tuples(st.sampled_from([0, 5, 6, 7, 8, 9]), st.integers(0, 30)),
                st.tuples(st.sampled_from([0, 1, 5, 6, 7, 0x20, 0x21]), addresses, st.just(0)),
            ),
            max_size=4,
        )
    )
    length = draw(st.sampled_from([len(payload), len(payload), len(payload) + 1, None]))
    bits = draw(st.sampled_from([40, 40, 48]))
    heap = packets.Packet(cnt, payload, 0, length, pointers, bits)
    # Without a packet that is a whole heap: it would overtake what there is of its cnt.
    inner = st.integers(1, max(1, len(payload) - 1))
    places = sorted(draw(st.lists(inner, max_size=4, unique=True))) if len(payload) > 1 else []
    pieces = packets.cut(heap, *places)
    for i, piece in enumerate(pieces):
        changed = draw(st.sampled_from(["", "", "", "length", "no length", "bits"]))
        if changed == "length" and length is not None and i:
            pieces[i] = dataclasses.replace(piece, length=length + 1)
        elif changed == "no length" and i:
            pieces[i] = dataclasses.replace(piece, length=None)
        elif changed == "bits" and i:
            pieces[i] = dataclasses.replace(piece, bits=56)
    return [piece.encode() for piece in pieces]


@st.composite
def even_heaps(draw: st.DrawFn, cnt: int) -> list[bytes]:
    """Return the packets of a heap in equal parts, as nearly all have them; one may differ."""
    payload = random.Random(cnt).randbytes(draw(st.integers(20, 400)))
    items: list[tuple[int, ...]] = [(0x20, 0, 0), (0x21, draw(st.integers(0, 9)))]
    step = draw(st.integers(8, 40))
    first = step - draw(st.sampled_from([0, 0, 8]))  # the items take room
    whole = packets.Packet(cnt, payload, 0, len(payload), items)
    pieces = packets.cut(whole, *range(first or step, len(payload), step))
    if draw(st.booleans()):
        pieces = [dataclasses.replace(piece, pointers=items) for piece in pieces]
    if draw(st.booleans()):
        i = draw(st.integers(0, len(pieces) - 1))
        changes: list[dict[str, Any]] = [
            {"length": len(payload) + 1},
            {"length": None},
            {"cnt": cnt + 1},
            {"bits": 56},
            {"offset": pieces[i].offset + 1},
            {"payload": pieces[i].payload[:-1]},
            {"pointers": [(0x22, 7)]},
            {"pointers": [*items, (packets.STREAM_CTRL, packets.STOP)]},
        ]
        pieces[i] = dataclasses.replace(pieces[i], **draw(st.sampled_from(changes)))
    return [piece.encode() for piece in pieces]


@st.composite
def traffic(draw: st.DrawFn) -> list[bytes]:
    """Return packets of a few heaps, some lost, repeated, late or damaged."""
    flavour = draw(strategies.flavours(24))
    heaps = []
    for cnt in range(1, draw(st.integers(1, 6)) + 1):
        kind = draw(st.sampled_from(["sent", "sent", "made", "even", "even"]))
        if kind == "sent":
            heaps.append(draw(sent_heaps(cnt, flavour)))
        else:
            heaps.append(draw(made_heaps(cnt) if kind == "made" else even_heaps(cnt)))
    mixed = draw(st.booleans())
    rng = random.Random(draw(st.integers(0, 2**32 - 1)))
    sequence = [packet for heap in heaps for packet in heap]
    if mixed:
        queues = [list(heap) for heap in heaps]
        sequence = []
        while any(queues):
            sequence.append(rng.choice([queue for queue in queues if queue]).pop(0))
    loss, repeats, delays, damage = (draw(st.sampled_from([0.0, 0.0, 0.1, 0.3])) for _ in range(4))
    result: list[bytes] = []
    for packet in sequence:
        if rng.random() < loss:
            continue
        if rng.random() < damage:
            packet = damaged(packet, rng)
        result.append(packet)
        if rng.random() < repeats:
            result.append(packet)
        if rng.random() < delays and len(result) > 1:
            result.insert(rng.randrange(len(result)), result.pop())
    return [packet for packet in result if packet][:100]


def damaged(packet: bytes, rng: random.Random) -> bytes:
    """Change the first header fields, or the length of a packet."""
    kind = rng.choice(["header", "short", "long"])
    if kind == "short":
        return packet[: rng.randrange(1, len(packet))]
    if kind == "long":
        return packet + bytes(rng.randrange(1, 9))
    at = rng.choice([0, 1, 2, 3, 6, 7])
    return packet[:at] + bytes([rng.randrange(256)]) + packet[at + 1 :]


@st.composite
def settings(draw: st.DrawFn) -> reception.Settings:
    config = {
        "max_heaps": draw(st.integers(1, 4)),
        "substreams": draw(st.integers(1, 2)),
        "bug_compat": draw(st.sampled_from([0, 0, 0, 1, 2, 4, 7])),
        "stop_on_stop_item": draw(st.booleans()),
        "allow_unsized_heaps": draw(st.booleans()),
        "allow_out_of_order": draw(st.booleans()),
    }
    ring = {
        "contiguous_only": draw(st.booleans()),
        "incomplete_keep_payload_ranges": draw(st.booleans()),
    }
    how = draw(st.sampled_from(["inproc", "buffer", "tcp", "udp"]))
    if how == "udp":
        config["stop_on_stop_item"] = True  # nothing else ends it
    return reception.Settings(how, config, ring)


#: What assembly says. What is wrong with single packets is said in bounded numbers here.
ASSEMBLY = re.compile(
    "dropped incomplete heap|packet rejected because (it has no HEAP_LEN|its |it )"
    "|Descriptor replacement|Item with ID"
)


def comparable(report: reception.Report, settings: reception.Settings) -> Any:
    """Leave out what depends on timing, and what is different on purpose."""
    stats = dict(report.stats)
    del stats["worker_blocked"]
    log = []
    if settings.how in ("tcp", "udp"):  # what is read at once is chance
        del stats["batches"], stats["max_batch"]
    else:
        log = sorted(
            (level, re.sub("set allow_out_of_order to (true|false)", "set it", text))
            for level, text in report.log
            if ASSEMBLY.match(text)
        )
    heaps = [
        {
            name: [piece for piece in part if piece[0] != piece[1]] if name == "ranges" else part
            for name, part in heap.items()
        }
        for heap in report.heaps
    ]
    return {"heaps": heaps, "stats": stats, "log": log}


def is_empty(value: Any) -> bool:
    """Whether a value has no elements; the reference leaves such ones out, or raises."""
    kind, *contents = value
    return bool(contents == [""] if kind == "text" else kind == "array" and 0 in contents[2])


def leave_out_values(report: reception.Report) -> None:
    for heap in report.heaps:
        for part in ("updated", "group", "error"):
            heap.pop(part, None)


def check(reference: Any, sent: list[bytes], settings: reception.Settings) -> None:
    ours = reception.receive(sent, settings)
    theirs = reference.call("reception", sent, settings)
    if any(is_empty(value) for heap in ours.heaps for value, _ in heap.get("updated", {}).values()):
        leave_out_values(ours)
        leave_out_values(theirs)
    assert comparable(ours, settings) == comparable(theirs, settings)


@strategies.examples(300)
@hypothesis.given(sent=traffic(), settings=settings())
def test_any_traffic(reference: Any, sent: list[bytes], settings: reception.Settings) -> None:
    check(reference, sent, settings)


@strategies.examples(150)
@hypothesis.given(
    data=st.data(), flavour=strategies.flavours(24), order=st.sampled_from(["=", "|", "<", ">"])
)
def test_heaps_that_the_reference_sends(
    reference: Any, data: Any, flavour: tuple[int, int, int, int], order: str
) -> None:
    recipe, parts = data.draw(strategies.heap_samples(flavour))
    samples = [sample for kind, sample in parts if sample is not None]
    hypothesis.assume(all(map(has_elements, samples)))
    try:
        sent = reference.call("packets", recipe, 5, data.draw(st.sampled_from([88, 1472])))
    except Exception as error:
        hypothesis.assume("RefusedError" not in type(error).__name__)
        raise
    known = recipes.HeapRecipe(
        flavour, tuple(recipes.Part("descriptor", sample.description) for sample in samples)
    )
    settings = reception.Settings(
        config={"bug_compat": flavour[3], "stop_on_stop_item": False}, new_order=order
    )
    check(reference, recipes.packets(known, 4, 1472) + sent, settings)


@pytest.mark.parametrize("how", ["inproc", "buffer", "tcp", "udp"])
def test_a_heap_that_comes_three_times(reference: Any, how: str) -> None:
    heap = packets.whole(1, (0x20, bytes(range(200))), (0x21, 5))
    sent = [piece.encode() for piece in packets.cut(heap, 50, 100, 150)]
    check(reference, sent * 3, reception.Settings(how))
