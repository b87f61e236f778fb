# SPDX-License-Identifier: Apache-2.0
"""TCP when the other side is slow, breaks the connection, or never answers."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import struct
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from namespaces import Link

import spead2
import spead2.send


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Give a listening socket whose connections have small receive buffers."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        sock.settimeout(30)
        yield sock


def make_heap(size: int, items: int = 1) -> spead2.send.Heap:
    random = np.random.default_rng(size)
    group = spead2.send.ItemGroup()
    for i in range(items):
        data = random.integers(0, 256, size // items, dtype=np.uint8)
        group.add_item(0x1000 + i, f"data{i}", "", data.shape, data.dtype, value=data)
    return group.get_heap(descriptors="none")


def wire_bytes(heap: spead2.send.Heap, cnt: int, max_packet_size: int) -> bytes:
    return b"".join(bytes(p) for p in spead2.send.PacketGenerator(heap, cnt, max_packet_size))


def break_connection(sock: socket.socket) -> None:
    """Close so that the peer gets a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("max_packet_size", [56, 1472, 65536, 10_000_000])
@pytest.mark.parametrize("items", [1, 2500])
def test_every_byte_arrives_in_order_at_a_slow_reader(
    listener: socket.socket, max_packet_size: int, items: int
) -> None:
    """Small buffers on both sides: the kernel takes parts of packets, at every place."""
    size = 40_000 if max_packet_size == 56 else 400_000
    heaps = [make_heap(size, items), make_heap(1), make_heap(size // 2 + 1, items)]
    config = spead2.send.StreamConfig(max_packet_size=max_packet_size)
    stream = spead2.send.TcpStream(
        spead2.ThreadPool(), [listener.getsockname()], config, buffer_size=1
    )
    expected = b"".join(wire_bytes(h, i, max_packet_size) for i, h in enumerate(heaps))
    received = bytearray()

    def read() -> None:
        lengths = np.random.default_rng(1).integers(1, 20_000, 1_000_000)
        with listener.accept()[0] as connection:
            connection.settimeout(30)
            for length in lengths:
                data = connection.recv(int(length))
                if not data:
                    return
                received.extend(data)

    reader = threading.Thread(target=read)
    reader.start()
    references = [spead2.send.HeapReference(h, cnt=i) for i, h in enumerate(heaps)]
    sent = stream.send_heaps(references, spead2.send.GroupMode.SERIAL)
    del stream
    reader.join()
    assert sent == len(expected)
    assert bytes(received) == expected


def test_a_broken_connection_fails_everything_at_once(listener: socket.socket) -> None:
    heap = make_heap(1_000_000)
    stream = spead2.send.TcpStream(
        spead2.ThreadPool(), [listener.getsockname()], spead2.send.StreamConfig(max_heaps=50)
    )
    connection = listener.accept()[0]

    def read_a_little() -> None:
        connection.recv(10_000, socket.MSG_WAITALL)
        break_connection(connection)

    reader = threading.Thread(target=read_a_little)
    reader.start()
    references = [spead2.send.HeapReference(heap)] * 50
    errors = []
    for _ in range(3):
        with pytest.raises(ConnectionError) as caught:
            stream.send_heaps(references, spead2.send.GroupMode.SERIAL)
        errors.append(caught.value.errno)
    reader.join()
    assert errors == errors[:1] * 3


def test_a_socket_of_the_callers_is_duplicated_and_left_as_it_is(listener: socket.socket) -> None:
    heap = make_heap(100_000)
    expected = wire_bytes(heap, 1, 1472)
    own = socket.create_connection(listener.getsockname())
    flags = fcntl.fcntl(own, fcntl.F_GETFL)
    stream = spead2.send.TcpStream(spead2.ThreadPool(), own)
    assert fcntl.fcntl(own, fcntl.F_GETFL) == flags
    assert not flags & os.O_NONBLOCK
    own.close()
    received = bytearray()

    def read() -> None:
        with listener.accept()[0] as connection:
            while len(received) < len(expected):
                received.extend(connection.recv(65536))

    reader = threading.Thread(target=read)
    reader.start()
    assert stream.send_heap(heap, 1) == len(expected)
    reader.join()
    assert bytes(received) == expected


def test_connecting_gives_way_to_keyboard_interrupt(link: Link) -> None:
    """Nobody answers at this address; without an interrupt it would be "no route to host"."""
    address = link.far_address + "9"
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with link.at("near"):
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(KeyboardInterrupt):
                spead2.send.TcpStream(spead2.ThreadPool(), [(address, 7148)])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
