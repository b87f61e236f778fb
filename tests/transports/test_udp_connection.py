# SPDX-License-Identifier: Apache-2.0
"""The socket of a busy stream is connected to its destination, and nobody is to notice."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from namespaces import Link

import spead2
import spead2.send


def make_heap() -> spead2.send.Heap:
    group = spead2.send.ItemGroup()
    value = np.arange(1000, dtype=np.uint8)
    group.add_item(0x1000, "data", "", shape=value.shape, dtype=value.dtype, value=value)
    return group.get_heap(descriptors="none")


HEAP = make_heap()


@contextlib.contextmanager
def receiving(address: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        sock.settimeout(30)
        yield sock


def attempts() -> Iterator[int]:
    """Count up, but not for ever."""
    limit = time.monotonic() + 60
    number = 0
    while time.monotonic() < limit:
        yield number
        number += 1
    raise AssertionError("not within a minute")


def is_connected(table: str, port: int) -> bool:
    """Tell whether /proc/net/udp has a socket that is connected to a port."""
    peers = [line.split()[2] for line in table.splitlines()[1:]]
    return any(int(peer.split(":")[1], 16) == port for peer in peers)


def here() -> str:
    return Path("/proc/net/udp").read_text()


def send_until_connected(
    stream: spead2.send.UdpStream, sock: socket.socket, table: Callable[[], str]
) -> set[tuple[str, int]]:
    """Send and receive until the stream's socket is connected; return where packets came from."""
    sources = set()
    for number in attempts():
        stream.send_heap(HEAP)
        sources.add(sock.recvfrom(65536)[1])
        if number % 64 == 0 and is_connected(table(), sock.getsockname()[1]):
            break
    return sources


def test_packets_of_a_busy_stream_come_from_the_same_port() -> None:
    with receiving() as sock:
        stream = spead2.send.UdpStream(spead2.ThreadPool(), [sock.getsockname()])
        sources = send_until_connected(stream, sock, here)
        # Longer than a connection lasts.
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            stream.send_heap(HEAP)
            sources.add(sock.recvfrom(65536)[1])
        assert len(sources) == 1


def test_streams_with_several_destinations_are_not_connected() -> None:
    with receiving() as sock, receiving() as other:
        where = [sock.getsockname(), other.getsockname()]
        stream = spead2.send.UdpStream(spead2.ThreadPool(), where)
        for number in range(2000):
            stream.send_heap(HEAP, substream_index=number % 2)
            (sock, other)[number % 2].recv(65536)
        assert not is_connected(here(), sock.getsockname()[1])


def test_who_stops_to_listen_is_not_noticed() -> None:
    with receiving() as sock:
        where = sock.getsockname()
        stream = spead2.send.UdpStream(spead2.ThreadPool(), [where])
        send_until_connected(stream, sock, here)
    size = stream.send_heap(HEAP)
    for _ in range(2000):
        assert stream.send_heap(HEAP) == size
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
        late.bind(where)
        late.settimeout(30)
        for cnt in range(600):
            stream.send_heap(HEAP, cnt)
            assert late.recv(65536) == bytes(
                next(iter(spead2.send.PacketGenerator(HEAP, cnt, 1472)))
            )


def test_packets_leave_from_the_new_address_when_the_old_one_is_gone(link: Link) -> None:
    device = link.near_device
    with link.at("far"), receiving(link.far_address) as sock:
        with link.at("near"):
            stream = spead2.send.UdpStream(spead2.ThreadPool(), [sock.getsockname()])
        ((_, port),) = send_until_connected(
            stream, sock, lambda: link.output("near", "cat", "/proc/net/udp")
        )
        link.ip("near", *f"addr del {link.near_address}/24 dev {device}".split())
        link.ip("near", *f"addr add 10.77.0.9/24 dev {device}".split())
        link.ip(
            "near",
            *f"neighbour replace {link.far_address} lladdr 02:00:00:00:00:02 dev {device}".split(),
        )
        stream.send_heap(HEAP)
        assert sock.recvfrom(65536)[1] == ("10.77.0.9", port)


def test_a_busy_stream_follows_its_route(link: Link) -> None:
    """As it would without a connection: with the source address that the route prefers."""
    device = link.near_device
    with link.at("far"), receiving(link.far_address) as sock:
        with link.at("near"):
            stream = spead2.send.UdpStream(spead2.ThreadPool(), [sock.getsockname()])
        ((_, port),) = send_until_connected(
            stream, sock, lambda: link.output("near", "cat", "/proc/net/udp")
        )
        link.ip("near", *f"addr add 10.77.1.9/32 dev {device}".split())
        link.ip("near", *f"route replace {link.far_address}/32 dev {device} src 10.77.1.9".split())
        for _ in attempts():
            stream.send_heap(HEAP)
            if sock.recvfrom(65536)[1] == ("10.77.1.9", port):
                break
