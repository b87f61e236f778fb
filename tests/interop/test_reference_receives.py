# SPDX-License-Identifier: Apache-2.0
"""The reference package, in a process of its own, receives over the network what we send."""

from __future__ import annotations

import pathlib
import time
from typing import Any

import numpy as np
import pytest
import recipes
import test_same_bytes

import spead2
import spead2.send as send

#: Transport, address of the receiver, multicast group.
WAYS = [
    pytest.param("udp", "127.0.0.1", None, id="udp"),
    pytest.param("udp", "::1", None, id="udp6"),
    pytest.param("udp", "127.0.0.1", "239.255.88.88", id="multicast"),
    pytest.param("udp", "::1", "ff15::8888:8888", id="multicast6"),
    pytest.param("tcp", "127.0.0.1", None, id="tcp"),
    pytest.param("tcp", "::1", None, id="tcp6"),
]


def connect(
    kind: str, host: str, group: str | None, port: int, config: send.StreamConfig
) -> send.UdpStream | send.TcpStream:
    pool = spead2.ThreadPool()
    if kind == "tcp":
        return send.TcpStream(pool, [(host, port)], config)
    if group is None:
        return send.UdpStream(pool, [(host, port)], config)
    if ":" in group:
        return send.UdpStream(
            pool, [(group, port)], config, ttl=0, interface_index=multicast6_interface()
        )
    return send.UdpStream(pool, [(group, port)], config, ttl=0, interface_address=host)


def listen(reference: Any, kind: str, host: str, group: str | None, *others: int) -> Any:
    """Start to receive; return the receiver's number and port."""
    interface = multicast6_interface() if group is not None and ":" in group else 0
    bug_compat, *keep_heaps = others
    return reference.call("listen", kind, host, 9200, bug_compat, group, interface, *keep_heaps)


def multicast6_interface() -> int:
    """Find an interface with IPv6 multicast, which the loopback interface lacks.

    Packets that may make no hop come back to this machine and go nowhere else.
    """
    for line in pathlib.Path("/proc/net/if_inet6").read_text().splitlines():
        address, index, *_ = line.split()
        if address.startswith("fe80"):
            return int(index, 16)
    pytest.skip("no interface has an IPv6 link-local address")


def expected_value(description: recipes.Description) -> Any:
    """Return what the receiver must have, in the form that canonical() gives it."""
    value = description.make_value()
    if description.format == [("c", 8)]:
        return ("text", value)
    if description.dtype is not None:
        if isinstance(value, str):
            value = list(value)
        array = np.array(value, recipes.to_dtype(description.dtype))
        array = array.astype(array.dtype.newbyteorder("="))  # as the receiver does
        return ("array", (recipes.to_descr(array.dtype), array.shape, array.tobytes()))
    return ("elements", value)


def same(received: Any, expected: Any) -> bool:
    """Compare by value: a format leaves the type of its numbers to the receiver."""
    if expected[0] != "elements":
        return bool(received == expected)
    kind, contents = received
    if kind == "array":
        descr, shape, data = contents
        contents = np.frombuffer(data, recipes.to_dtype(descr)).reshape(shape).tolist()
    # The text form tells 1 from True, and -0.0 from 0.0.
    return repr(as_tuples(contents)) == repr(as_tuples(expected[1]))


def as_tuples(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(map(as_tuples, value))
    return value


@pytest.mark.parametrize(("kind", "host", "group"), WAYS)
@pytest.mark.parametrize("flavour", test_same_bytes.FLAVOURS, ids=str)
def test_values_of_all_kinds_arrive(
    receiver_pool: Any, kind: str, host: str, group: str | None, flavour: tuple[int, int, int, int]
) -> None:
    reference = receiver_pool
    number, port = listen(reference, kind, host, group, flavour[3])
    stream = connect(kind, host, group, port, send.StreamConfig(max_heaps=100))
    # The reference's receiver fails on items without any bytes, whoever sent them.
    descriptions = [d for d in test_same_bytes.KINDS if d.name not in ("none", "empty")]
    if flavour[2] == 8:  # a descriptor of several dimensions or long dtype is too long for it
        descriptions = [d for d in descriptions if fits_one_heap(d, flavour)]
    expected: list[tuple[int, list[Any]]] = []
    # One heap each, then all of them in one. Cnts of 8 bits suffice.
    for description in descriptions:
        parts = [recipes.Part("descriptor", description), recipes.Part("item", description)]
        stream.send_heap(recipes.make_heap(recipes.HeapRecipe(flavour, tuple(parts))))
        expected.append((len(expected) + 1, [description]))
    if flavour[2] > 8:
        recipe = recipes.HeapRecipe(
            flavour, tuple(recipes.Part("item", description) for description in descriptions)
        )
        stream.send_heap(recipes.make_heap(recipe))
        expected.append((len(expected) + 1, descriptions))
    reference.start("receive", number)
    finish(stream, flavour)
    received = reference.finish()

    assert [cnt for cnt, _ in received] == [cnt for cnt, _ in expected]
    for (_, items), (_, sent) in zip(received, expected):
        items.sort()  # by ID, as they were sent
        assert [item[:5] for item in items] == [
            (d.id, d.name, d.description, d.shape, d.format) for d in sent
        ]
        for item, description in zip(items, sent):
            value = expected_value(description)
            assert same(item[5], value), (description, item[5], value)


def fits_one_heap(description: recipes.Description, flavour: tuple[int, int, int, int]) -> bool:
    recipe = recipes.HeapRecipe(
        (4, 64, 16, flavour[3]),
        (recipes.Part("descriptor", description), recipes.Part("item", description)),
    )
    length = sum(len(packet) for packet in recipes.packets(recipe, 1, 65000))
    return length < 255


def finish(stream: Any, flavour: tuple[int, int, int, int]) -> None:
    heap = send.Heap(spead2.Flavour(*flavour))
    heap.add_end()
    stream.send_heap(heap)


@pytest.mark.parametrize(("kind", "host", "group"), WAYS)
@pytest.mark.parametrize("mode", list(send.GroupMode))
def test_large_heaps_arrive(
    receiver: Any, kind: str, host: str, group: str | None, mode: send.GroupMode
) -> None:
    size, n, variants = 1_000_003, 12, 4  # also a last packet that is shorter
    # Heaps whose packets alternate are all there at once.
    number, port = listen(receiver, kind, host, group, 0, 2 * n)
    config = send.StreamConfig(max_packet_size=8972, max_heaps=n, rate=400e6)
    stream = connect(kind, host, group, port, config)
    receiver.start("receive_numbered", number, 1, variants)
    send_numbered(stream, size, n, variants, mode)
    assert receiver.finish() == (n, n * size, [])


def send_numbered(
    stream: Any, size: int, n: int, variants: int, mode: send.GroupMode | None = None
) -> None:
    """Send what receive_numbered() of the other process expects; one by one, or as a group."""
    data = [np.random.default_rng((1, i)).integers(0, 256, size, np.uint8) for i in range(variants)]
    group = send.ItemGroup()
    group.add_item(0x1000, "number", "", (), np.uint32)
    group.add_item(0x1001, "data", "", (size,), np.uint8)
    heaps = []
    for i in range(n):
        group["number"].value = i
        group["data"].value = data[i % variants]
        heap = group.get_heap()
        if mode is None:
            stream.send_heap(heap)
        else:
            heaps.append(send.HeapReference(heap))
    if mode is not None:
        stream.send_heaps(heaps, mode)
    stream.send_heap(group.get_end())


def test_gigabyte_at_200_megabytes_a_second_arrives(receiver: Any) -> None:
    size, n, variants = 4_000_000, 250, 16
    number, port = listen(receiver, "udp", "127.0.0.1", None, 0)
    config = send.StreamConfig(max_packet_size=8972, rate=200e6)
    stream = connect("udp", "127.0.0.1", None, port, config)
    receiver.start("receive_numbered", number, 1, variants)
    start = time.monotonic()
    send_numbered(stream, size, n, variants)
    seconds = time.monotonic() - start
    assert receiver.finish() == (n, n * size, [])
    assert seconds > 0.99 * n * size / 200e6  # it was not sent faster than asked for
