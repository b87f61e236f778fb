# SPDX-License-Identifier: Apache-2.0
"""Streams that read from sockets: which there can be, and how they end."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from typing import Any

import packets
import pytest

import spead2
import spead2.recv as recv


def one(cnt: int) -> bytes:
    """Return a heap of one packet."""
    return packets.whole(cnt, (0x20, b"payload"), (0x21, cnt)).encode()


STOP = packets.whole(2**39, (packets.STREAM_CTRL, packets.STOP)).encode()


def test_udp_of_a_socket_that_is_bound() -> None:
    stream = recv.Stream(spead2.ThreadPool())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        address = receiver.getsockname()
        stream.add_udp_reader(receiver)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(one(1), address)
        assert stream.get().cnt == 1
        sender.sendto(STOP, address)
    with pytest.raises(spead2.Stopped):
        stream.get()


def free_port(kind: socket.SocketKind, host: str = "127.0.0.1") -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def test_udp_of_a_port() -> None:
    port = free_port(socket.SOCK_DGRAM)
    stream = recv.Stream(spead2.ThreadPool())
    stream.add_udp_reader(port, bind_hostname="127.0.0.1", buffer_size=0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(one(1), ("127.0.0.1", port))
    assert stream.get().cnt == 1
    other = recv.Stream(spead2.ThreadPool())
    with pytest.raises(OSError, match=str(port)) as caught:
        other.add_udp_reader(port, bind_hostname="127.0.0.1", buffer_size=0)
    assert isinstance(caught.value, RuntimeError)


def test_tcp() -> None:
    stream = recv.Stream(spead2.ThreadPool())
    with socket.create_server(("127.0.0.1", 0)) as acceptor:
        address = acceptor.getsockname()
        stream.add_tcp_reader(acceptor)
    with socket.create_connection(address) as sender:
        sender.sendall(one(1) + one(2)[:20])
        assert stream.get().cnt == 1
        sender.sendall(one(2)[20:])
        assert stream.get().cnt == 2
    with pytest.raises(spead2.Stopped):
        stream.get()
    assert stream.stop_reason == ""


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((-1,), TypeError),
        ((65536,), TypeError),
        ((1.5,), TypeError),
        ((None,), TypeError),
        (("host",), TypeError),
        (("127.0.0.1", 8888), ValueError),
        (("ff0e::1", 8888), ValueError),
        (("239.255.0.1", 8888, 9200, 0, "::1"), ValueError),
        (("no.such.host.invalid", 8888), RuntimeError),
    ],
)
def test_wrong_udp_readers(arguments: Any, error: type[Exception]) -> None:
    stream = recv.Stream(spead2.ThreadPool())
    with pytest.raises(error):
        stream.add_udp_reader(*arguments)


def test_wrong_sockets() -> None:
    stream = recv.Stream(spead2.ThreadPool())
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        with pytest.raises(TypeError):
            stream.add_udp_reader(tcp)
        with pytest.raises(TypeError):
            stream.add_tcp_reader(udp)
    with pytest.raises(TypeError):
        stream.add_udp_reader(udp)
    a, b = socket.socketpair()
    with a, b, pytest.raises(TypeError):
        stream.add_tcp_reader(a)
    with pytest.raises(ValueError, match="IPv6 multicast"):
        stream.add_udp_reader("239.255.0.1", 8888, interface_index=0)
    with pytest.raises(ValueError, match="max_size"):
        stream.add_tcp_reader(0, max_size=0)


def test_a_broken_connection_ends_the_stream() -> None:
    stream = recv.Stream(spead2.ThreadPool())
    with socket.create_server(("127.0.0.1", 0)) as acceptor:
        address = acceptor.getsockname()
        stream.add_tcp_reader(acceptor)
    with socket.create_connection(address) as sender:
        sender.sendall(one(1))
        assert stream.get().cnt == 1
        # Closing then resets the connection.
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with pytest.raises(spead2.Stopped):
        stream.get()
    assert "Connection reset by peer" in stream.stop_reason


def test_a_socket_that_does_not_listen_ends_the_stream() -> None:
    stream = recv.Stream(spead2.ThreadPool())
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        try:
            stream.add_tcp_reader(bound)
        except ValueError:
            return  # said at once
    with pytest.raises(spead2.Stopped):
        stream.get()
    assert stream.stop_reason != ""


def test_packets_for_a_stream_that_is_gone_harm_nobody() -> None:
    """The user's own socket lives on, so the kernel still tells the worker of what comes to it.

    In a process of its own, which would crash: what the stream had is written over.
    """
    script = """
import socket, packets, spead2, spead2.recv as recv

pool = spead2.ThreadPool()
for cnt in range(100):
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect(receiver.getsockname())
    stream = recv.Stream(pool)
    stream.add_udp_reader(receiver)
    packet = packets.whole(cnt, (0x20, b"payload")).encode()
    sender.send(packet)
    assert stream.get().cnt == cnt
    stream.stop()
    del stream
    written = [b"\1" * size for size in range(500) for _ in range(4)]
    sender.send(packet)
print("all arrived")
"""
    environment = {"PYTHONMALLOC": "malloc", "PYTHONPATH": os.path.dirname(packets.__file__)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "all arrived\n", "")


def test_a_stream_stops_that_waits_for_a_connection_to_a_socket_that_blocks() -> None:
    program = """
import socket, spead2, spead2.recv as recv
stream = recv.Stream(spead2.ThreadPool())
with socket.create_server(("127.0.0.1", 0)) as acceptor:
    acceptor.setblocking(True)
    stream.add_tcp_reader(acceptor)
queue = spead2.InprocQueue()
stream.add_inproc_reader(queue)
queue.add_packet(bytes.fromhex(%r))
print(stream.get().cnt)  # so the thread has looked for a connection
stream.stop()
"""
    done = subprocess.run(
        [sys.executable, "-c", program % one(1).hex()], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_the_address_of_an_interface_is_that_of_the_endpoint() -> None:
    stream = recv.Stream(spead2.ThreadPool())
    stream.add_udp_reader(0, bind_hostname="127.0.0.1", interface_address="127.0.0.1")
    with pytest.raises(ValueError, match="does not match interface address"):
        stream.add_udp_reader(0, bind_hostname="127.0.0.2", interface_address="127.0.0.1")
    stream.stop()


def test_datagrams_of_nothing_are_passed_over() -> None:
    stream = recv.Stream(spead2.ThreadPool())
    with (
        socket.socket(type=socket.SOCK_DGRAM) as own,
        socket.socket(type=socket.SOCK_DGRAM) as sender,
    ):
        own.bind(("127.0.0.1", 0))
        address = own.getsockname()
        for _ in range(100):  # more than are read at once
            sender.sendto(b"", address)
        sender.sendto(one(1), address)
        stream.add_udp_reader(own)
        assert stream.get().cnt == 1


def test_item_pointers_that_are_left_out_come_in_pieces() -> None:
    """Of a packet whose item pointers alone are too many, half of one has come, and no more."""
    large = packets.whole(5, *((0x1000 + i, i) for i in range(100))).encode()
    stream = recv.Stream(spead2.ThreadPool())
    with socket.create_server(("127.0.0.1", 0)) as acceptor:
        address = acceptor.getsockname()
        stream.add_tcp_reader(acceptor, max_size=200)
    with socket.create_connection(address) as sender:
        for cnt, half in enumerate((300, 404)):
            sender.sendall(one(cnt) + large[:half])
            assert stream.get().cnt == cnt
            sender.sendall(large[half:])
        sender.sendall(one(2))
        assert stream.get().cnt == 2
