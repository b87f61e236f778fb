# SPDX-License-Identifier: Apache-2.0
"""Every form of the constructors of streams over UDP and TCP, and what each refuses."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from namespaces import Link

import spead2
import spead2.send
import spead2.send.asyncio
from spead2.send import Heap, StreamConfig, TcpStream, UdpStream

CONFIG = StreamConfig(max_packet_size=1000)
POOL = spead2.ThreadPool()
AsyncioUdpStream = spead2.send.asyncio.UdpStream
IP_RECVTTL = 12
IPV6_RECVHOPLIMIT = 51


def make_heap() -> Heap:
    heap = Heap()
    value = np.arange(2000).astype(np.uint8)
    heap.add_item(spead2.Item(0x1000, "x", "", (2000,), np.uint8, value=value))
    return heap


def expected(max_packet_size: int = 1472) -> list[bytes]:
    """Return the packets of make_heap()."""
    return list(spead2.send.PacketGenerator(make_heap(), 1, max_packet_size))


def send(stream: Any) -> int:
    """Send make_heap() over a stream of either kind."""
    if isinstance(stream, spead2.send.asyncio.AsyncStream):

        async def run() -> int:
            return await stream.async_send_heap(make_heap(), 1)

        return asyncio.run(run())
    sent = stream.send_heap(make_heap(), 1)
    assert isinstance(sent, int)
    return sent


def bound(family: int = socket.AF_INET) -> socket.socket:
    receiver = socket.socket(family, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
    receiver.settimeout(30)
    return receiver


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with bound() as receiver:
        yield receiver


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        yield listener


def own_socket(family: int = socket.AF_INET) -> socket.socket:
    """Return a socket that is closed as soon as a stream has it; see check_form()."""
    return socket.socket(family, socket.SOCK_DGRAM)


# ---- UDP: what works

Form = Callable[..., Any]


@pytest.mark.parametrize("kind", [UdpStream, AsyncioUdpStream])
@pytest.mark.parametrize(
    ("form", "max_packet_size"),
    [
        # (thread_pool, endpoints, config, buffer_size, interface_address)
        (lambda t, h, p: t(POOL, [(h, p)]), 1472),
        (lambda t, h, p: t(POOL, ((h, p),)), 1472),
        (lambda t, h, p: t(POOL, [[h, p]]), 1472),
        (lambda t, h, p: t(POOL, (pair for pair in [(h, p)])), 1472),
        (lambda t, h, p: t(POOL, {(h, p)}), 1472),
        (lambda t, h, p: t(POOL, {(h, p): "x"}.keys(), CONFIG), 1000),
        (lambda t, h, p: t(POOL, map(iter, [(h, p)])), 1472),
        (lambda t, h, p: t(POOL, [(h, np.int32(p))]), 1472),
        (lambda t, h, p: t(POOL, [(h, p)], CONFIG), 1000),
        (lambda t, h, p: t(POOL, [(h, p)], CONFIG, 65536), 1000),
        (lambda t, h, p: t(POOL, [(h, p)], CONFIG, 65536, ""), 1000),
        (lambda t, h, p: t(POOL, [(h, p)], CONFIG, 65536, "127.0.0.1"), 1000),
        (lambda t, h, p: t(POOL, [(h, p)], interface_address="localhost"), 1472),
        (lambda t, h, p: t(POOL, [(h, p)], buffer_size=0), 1472),
        (lambda t, h, p: t(endpoints=[(h, p)], thread_pool=POOL), 1472),
        (
            lambda t, h, p: t(
                interface_address="127.0.0.1",
                buffer_size=65536,
                config=CONFIG,
                endpoints=[(h, p)],
                thread_pool=POOL,
            ),
            1000,
        ),
        # The same with a host name and port, as it was in old versions.
        (lambda t, h, p: t(POOL, h, p), 1472),
        (lambda t, h, p: t(POOL, "localhost", p), 1472),
        (lambda t, h, p: t(POOL, h, p, CONFIG), 1000),
        (lambda t, h, p: t(POOL, h, p, CONFIG, 65536), 1000),
        (lambda t, h, p: t(POOL, h, p, CONFIG, 65536, "127.0.0.1"), 1000),
        (lambda t, h, p: t(POOL, hostname=h, port=p), 1472),
        (lambda t, h, p: t(POOL, h, port=p, config=CONFIG), 1000),
        (lambda t, h, p: t(thread_pool=POOL, hostname=h, port=p, config=CONFIG), 1000),
        # An existing socket.
        (lambda t, h, p, s: t(POOL, s, [(h, p)]), 1472),
        (lambda t, h, p, s: t(POOL, s, [(h, p)], CONFIG), 1000),
        (lambda t, h, p, s: t(POOL, s, iter([(h, p)]), CONFIG), 1000),
        (lambda t, h, p, s: t(POOL, s, endpoints=[(h, p)], config=CONFIG), 1000),
        (lambda t, h, p, s: t(POOL, socket=s, endpoints=[(h, p)]), 1472),
        (lambda t, h, p, s: t(thread_pool=POOL, endpoints=[(h, p)], socket=s, config=CONFIG), 1000),
        (lambda t, h, p, s: t(POOL, [(h, p)], CONFIG, 65536, s), 1000),
        (lambda t, h, p, s: t(POOL, [(h, p)], CONFIG, 65536, socket=s), 1000),
        (lambda t, h, p, s: t(POOL, h, p, CONFIG, 65536, s), 1000),
        (lambda t, h, p, s: t(POOL, s, h, p), 1472),
        (lambda t, h, p, s: t(POOL, s, h, p, CONFIG), 1000),
    ],
)
def test_udp_forms(receiver: socket.socket, kind: Any, form: Form, max_packet_size: int) -> None:
    with contextlib.ExitStack() as stack:
        arguments = [kind, *receiver.getsockname()]
        if form.__code__.co_argcount == 4:
            arguments.append(stack.enter_context(own_socket()))
        stream = form(*arguments)
    # The socket that was given is closed now.
    assert stream.num_substreams == 1
    packets = expected(max_packet_size)
    assert send(stream) == sum(map(len, packets))
    assert [receiver.recv(65536) for _ in packets] == packets


def test_the_socket_stays_the_callers(receiver: socket.socket) -> None:
    with own_socket() as own:
        own.bind(("127.0.0.1", 0))
        stream = UdpStream(POOL, own, [receiver.getsockname()])
        send(stream)
        assert receiver.recvfrom(65536)[1] == own.getsockname()
        receiver.recv(65536)
        del stream
        own.sendto(b"still open", receiver.getsockname())
        assert receiver.recv(65536) == b"still open"


def test_interface_address_is_where_packets_come_from(receiver: socket.socket) -> None:
    stream = UdpStream(POOL, [receiver.getsockname()], interface_address="127.0.0.77")
    send(stream)
    assert receiver.recvfrom(65536)[1][0] == "127.0.0.77"


def test_substreams_are_the_endpoints() -> None:
    with bound() as first, bound() as second:
        stream = UdpStream(POOL, [first.getsockname(), second.getsockname()])
        assert stream.num_substreams == 2
        stream.send_heap(make_heap(), 1, substream_index=1)
        assert [second.recv(65536) for _ in expected()] == expected()
        first.settimeout(0)
        with pytest.raises(BlockingIOError):
            first.recv(65536)


@pytest.mark.parametrize("form", ["endpoints", "host and port", "socket"])
def test_ipv6(form: str) -> None:
    with bound(socket.AF_INET6) as receiver, own_socket(socket.AF_INET6) as own:
        host, port = receiver.getsockname()[:2]
        stream = {
            "endpoints": lambda: UdpStream(POOL, [(host, port)], interface_address="::1"),
            "host and port": lambda: UdpStream(POOL, host, port),
            "socket": lambda: UdpStream(POOL, own, [(host, port)]),
        }[form]()
        send(stream)
        assert [receiver.recv(65536) for _ in expected()] == expected()


def received_hops(receiver: socket.socket) -> int:
    """Receive make_heap(); return the time-to-live that its packets had."""
    hops = set()
    for packet in expected():
        data, [(_, _, hop)], _, _ = receiver.recvmsg(65536, 100)
        assert data == packet
        hops.add(struct.unpack("i", hop)[0])
    assert len(hops) == 1
    return int(hops.pop())


@pytest.mark.parametrize("ttl", [0, 1, 77, 255])
@pytest.mark.parametrize(
    "form",
    [
        lambda e, ttl: UdpStream(POOL, [e], StreamConfig(), 65536, ttl, "127.0.0.1"),
        lambda e, ttl: UdpStream(POOL, [e], ttl=ttl, interface_address="127.0.0.1"),
        lambda e, ttl: UdpStream(POOL, e[0], e[1], StreamConfig(), 65536, ttl, "127.0.0.1"),
        lambda e, ttl: AsyncioUdpStream(POOL, e[0], e[1], ttl=ttl, interface_address="localhost"),
    ],
)
def test_ipv4_multicast(form: Form, ttl: int) -> None:
    group = "239.255.77.77"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind((group, 0))
        receiver.settimeout(30)
        receiver.setsockopt(
            socket.IPPROTO_IP,
            socket.IP_ADD_MEMBERSHIP,
            socket.inet_aton(group) + socket.inet_aton("127.0.0.1"),
        )
        receiver.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        send(form(receiver.getsockname(), ttl))
        assert received_hops(receiver) == ttl


@pytest.mark.parametrize(
    "form",
    [
        lambda e, ttl, index: UdpStream(POOL, [e], StreamConfig(), 65536, ttl, index),
        lambda e, ttl, index: UdpStream(POOL, [e], ttl=ttl, interface_index=index),
        lambda e, ttl, index: UdpStream(POOL, e[0], e[1], StreamConfig(), 65536, ttl, index),
        lambda e, ttl, index: AsyncioUdpStream(POOL, e[0], e[1], interface_index=index, ttl=ttl),
    ],
)
def test_ipv6_multicast(link: Link, form: Form) -> None:
    """Not on the loopback interface, which lacks IPv6 multicast."""
    group = "ff15::77:77"
    link.ip("near", *f"addr add fd77::1/64 dev {link.near_device} nodad".split())
    with link.at("near"):
        receiver = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        index = socket.if_nametoindex(link.near_device)
    with receiver:
        receiver.bind(("::", 0))
        receiver.settimeout(5)
        receiver.setsockopt(
            socket.IPPROTO_IPV6,
            socket.IPV6_JOIN_GROUP,
            socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", index),
        )
        receiver.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1)
        for ttl in (1, 77, 255):
            with link.at("near"):
                stream = form((group, receiver.getsockname()[1]), ttl, index)
            send(stream)
            assert received_hops(receiver) == ttl


@pytest.mark.parametrize(
    ("form", "ttl"),
    [
        (lambda e: UdpStream(POOL, [e], StreamConfig(), 65536, 5), 5),
        (lambda e: UdpStream(POOL, [e], ttl=6), 6),
        (lambda e: UdpStream(POOL, e[0], e[1], StreamConfig(), 65536, 7), 7),
        (lambda e: UdpStream(POOL, [e]), 1),
    ],
)
def test_multicast_goes_where_the_route_says(link: Link, form: Form, ttl: int) -> None:
    group = "239.255.77.77"
    link.ip("near", "route", "add", "239.0.0.0/8", "dev", link.near_device)
    with link.at("far"):
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with receiver:
        receiver.bind((group, 0))
        receiver.settimeout(30)
        receiver.setsockopt(
            socket.IPPROTO_IP,
            socket.IP_ADD_MEMBERSHIP,
            socket.inet_aton(group) + socket.inet_aton(link.far_address),
        )
        receiver.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        with link.at("near"):
            stream = form(receiver.getsockname())
        send(stream)
        assert received_hops(receiver) == ttl


def test_socket_buffer_that_cannot_be_had_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The stream works all the same. Messages of the engine arrive by a thread of their own."""
    with caplog.at_level(logging.WARNING, "spead2"), bound() as receiver:
        send(UdpStream(POOL, [receiver.getsockname()], buffer_size=2**31))
        limit = time.monotonic() + 30
        while not caplog.records and time.monotonic() < limit:
            time.sleep(0.001)
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert str(2**31) in caplog.text


# ---- UDP: what does not

UNICAST = ("127.0.0.1", 7148)
MULTICAST = ("239.255.77.77", 7148)
UNICAST6 = ("::1", 7148)
MULTICAST6 = ("ff11::77:77", 7148)


@pytest.mark.parametrize("kind", [UdpStream, AsyncioUdpStream])
@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "text"),
    [
        # Values that can never work.
        (([],), {}, ValueError, "endpoints is empty"),
        (([],), {"ttl": 1}, ValueError, "endpoints is empty"),
        (([],), {"ttl": 1, "interface_index": 1}, ValueError, "endpoints is empty"),
        (([UNICAST, UNICAST6],), {}, ValueError, "families.*127.0.0.1.*::1"),
        (([MULTICAST, MULTICAST6],), {"ttl": 1}, ValueError, "families"),
        (([UNICAST],), {"ttl": 1}, ValueError, "127.0.0.1.*not a multicast"),
        (([MULTICAST, UNICAST],), {"ttl": 1}, ValueError, "127.0.0.1.*not a multicast"),
        (([UNICAST6],), {"ttl": 1}, ValueError, "::1.*not a multicast"),
        (([UNICAST6],), {"ttl": 1, "interface_index": 1}, ValueError, "::1.*not a multicast"),
        (([MULTICAST],), {"ttl": 1, "interface_index": 1}, ValueError, "239.255.77.77"),
        (([MULTICAST6],), {"ttl": 1, "interface_address": "fd99::1"}, OSError, "fd99::1"),
        (
            ([MULTICAST],),
            {"ttl": 1, "interface_address": "::1"},
            ValueError,
            "'::1' is not an IPv4.*239.255.77.77",
        ),
        (([MULTICAST],), {"ttl": -1}, ValueError, "ttl is -1"),
        (([MULTICAST],), {"ttl": 256}, ValueError, "ttl is 256"),
        (([MULTICAST],), {"ttl": 2**70}, ValueError, str(2**70)),
        (([MULTICAST], StreamConfig(), 0, 256), {}, ValueError, "ttl is 256"),
        # Caught by programs that were written for the reference package.
        (([MULTICAST],), {"ttl": -1}, IndexError, "ttl is -1"),
        (([MULTICAST6],), {"ttl": 256, "interface_index": 1}, IndexError, "ttl is 256"),
        (([MULTICAST6],), {"ttl": 1, "interface_index": -1}, ValueError, "-1"),
        (([MULTICAST6],), {"ttl": 1, "interface_index": 2**32}, ValueError, str(2**32)),
        (([("127.0.0.1", -1)],), {}, ValueError, "port is -1"),
        (([("127.0.0.1", 65536)],), {}, ValueError, "port is 65536"),
        (("127.0.0.1", 65536), {}, ValueError, "port is 65536"),
        (([("127.0.0.1\0", 1)],), {}, ValueError, "NUL"),
        # What the operating system does not have.
        (([("no.such.host.invalid", 1)],), {}, RuntimeError, "Host not found.*no.such.host"),
        (("no.such.host.invalid", 1), {}, RuntimeError, "Host not found.*no.such.host"),
        (([("[::1]", 1)],), {}, RuntimeError, r"Host not found.*\[::1\]"),
        (([UNICAST],), {"interface_address": "no.such.invalid"}, RuntimeError, "Host not found"),
        (([UNICAST],), {"interface_address": "::1"}, RuntimeError, "Host not found.*::1"),
        (([UNICAST],), {"interface_address": "192.0.2.1"}, OSError, "192.0.2.1"),
        (([UNICAST],), {"interface_address": "192.0.2.1"}, RuntimeError, "192.0.2.1"),
        (
            ([MULTICAST],),
            {"ttl": 1, "interface_address": "192.0.2.1"},
            RuntimeError,
            "192.0.2.1",
        ),
        (([MULTICAST6],), {"ttl": 1, "interface_index": 999_999}, OSError, "999999"),
        (([MULTICAST6],), {"ttl": 1, "interface_index": 999_999}, RuntimeError, "999999"),
        # Wrong types.
        ((), {}, TypeError, "endpoints"),
        ((None,), {}, TypeError, "None"),
        ((3,), {}, TypeError, "3"),
        ((UNICAST,), {}, TypeError, "127.0.0.1"),
        ((["127.0.0.1"],), {}, TypeError, "127.0.0.1"),
        (([("127.0.0.1",)],), {}, TypeError, "127.0.0.1"),
        (([(None, 1)],), {}, TypeError, "None"),
        (([("127.0.0.1", "7148")],), {}, TypeError, "7148"),
        (([("127.0.0.1", 7148.0)],), {}, TypeError, "7148.0"),
        ((np.array("x"),), {}, TypeError, "endpoints.*array"),
        (([np.array(3)],), {}, TypeError, "endpoints.*array"),
        (("127.0.0.1",), {}, TypeError, "port"),
        (("127.0.0.1", None), {}, TypeError, "None"),
        (([UNICAST], None), {}, TypeError, "config.*None"),
        (([UNICAST], "fast"), {}, TypeError, "config.*fast"),
        (([UNICAST], StreamConfig(), -1), {}, TypeError, "-1"),
        (([UNICAST], StreamConfig(), 2**64), {}, TypeError, str(2**64)),
        (([UNICAST], StreamConfig(), 0.5), {}, TypeError, "0.5"),
        (([UNICAST],), {"buffer_size": None}, TypeError, "None"),
        (([UNICAST],), {"interface_address": None}, TypeError, "None"),
        (([MULTICAST],), {"ttl": "x"}, TypeError, "x"),
        (([MULTICAST],), {"ttl": 1.5}, TypeError, "1.5"),
        (([MULTICAST6],), {"ttl": 1, "interface_index": "lo"}, TypeError, "lo"),
        (([UNICAST],), {"socket": 3}, TypeError, "socket.*3"),
        (([UNICAST],), {"nonsense": 1}, TypeError, "nonsense"),
        # Arguments that do not go together.
        (([UNICAST],), {"interface_index": 1}, TypeError, "ttl"),
        (([UNICAST],), {"endpoints": [UNICAST]}, TypeError, "endpoints"),
        (([UNICAST],), {"hostname": "127.0.0.1", "port": 1}, TypeError, "hostname"),
        (
            ([MULTICAST6],),
            {"ttl": 1, "interface_index": 1, "interface_address": "::1"},
            TypeError,
            "interface_index",
        ),
        (([UNICAST], StreamConfig(), 0, "", 1, 1, 1), {}, TypeError, "1"),
    ],
)
def test_udp_errors(
    receiver: socket.socket,
    kind: Any,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    error: type[Exception],
    text: str,
) -> None:
    with pytest.raises(error, match=text):
        kind(POOL, *arguments, **keywords)


@pytest.mark.parametrize("pool", [None, 3, StreamConfig()])
def test_thread_pool_is_needed(pool: Any) -> None:
    calls: list[Any] = [UdpStream, TcpStream]
    for call in calls:
        with pytest.raises(TypeError, match="thread_pool"):
            call(pool, [UNICAST])
        with pytest.raises(TypeError, match="thread_pool"):
            call(endpoints=[UNICAST])


def test_a_failed_setup_tells_its_errno() -> None:
    with pytest.raises(OSError, match="Cannot assign") as caught:
        UdpStream(POOL, [UNICAST], interface_address="192.0.2.1")
    assert caught.value.errno == errno.EADDRNOTAVAIL


def test_what_endpoints_raise_themselves_is_raised() -> None:
    class Endpoints:
        def __iter__(self) -> Iterator[tuple[str, int]]:
            raise KeyError("of their own")

    with pytest.raises(KeyError, match="of their own"):
        UdpStream(POOL, Endpoints())


def test_a_connection_that_fails_at_once() -> None:
    """No network has this address."""
    with pytest.raises(OSError, match=r"255\.255\.255\.255:7148: Network is unreachable") as caught:
        TcpStream(POOL, [("255.255.255.255", 7148)])
    assert caught.value.errno == errno.ENETUNREACH


def test_a_descriptor_that_is_no_socket() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own, open(os.devnull) as file:
        os.dup2(file.fileno(), own.fileno())
        with pytest.raises(ValueError, match=rf"descriptor {own.fileno()} is not a socket"):
            UdpStream(POOL, own, [UNICAST])


def test_only_what_is_too_large_is_told_how_large_it_may_be() -> None:
    """The system lets nobody broadcast who has not asked for it."""
    stream = UdpStream(POOL, [("255.255.255.255", 7148)])
    with pytest.raises(OSError, match="Permission denied") as caught:
        stream.send_heap(spead2.send.Heap())
    assert caught.value.errno == errno.EACCES
    assert str(caught.value).endswith("(sending to udp 255.255.255.255:7148)")


@pytest.mark.parametrize(
    ("make", "endpoint", "text"),
    [
        (lambda: socket.socket(), UNICAST, "not a UDP socket"),
        (lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), UNICAST, "not a UDP socket"),
        (lambda: own_socket(socket.AF_INET6), UNICAST, "127.0.0.1"),
        (lambda: own_socket(), UNICAST6, "::1"),
    ],
)
def test_wrong_sockets(make: Callable[[], socket.socket], endpoint: Any, text: str) -> None:
    with make() as wrong, pytest.raises(ValueError, match=text):
        UdpStream(POOL, wrong, [endpoint])


def test_sockets_that_cannot_be_used(receiver: socket.socket) -> None:
    with own_socket() as own:
        with pytest.raises(ValueError, match="endpoints is empty"):
            UdpStream(POOL, own, [])
        own.connect(receiver.getsockname())
        with pytest.raises(ValueError, match="connected"):
            UdpStream(POOL, own, [receiver.getsockname()])
    with pytest.raises(ValueError, match="closed"):
        UdpStream(POOL, own, [receiver.getsockname()])


# ---- TCP


@pytest.mark.parametrize(
    ("form", "max_packet_size"),
    [
        (lambda h, p: TcpStream(POOL, [(h, p)]), 1472),
        (lambda h, p: TcpStream(POOL, ((h, p),), CONFIG), 1000),
        (lambda h, p: TcpStream(POOL, [(h, p)], CONFIG, 65536), 1000),
        (lambda h, p: TcpStream(POOL, [(h, p)], CONFIG, 65536, "127.0.0.1"), 1000),
        (lambda h, p: TcpStream(POOL, [(h, p)], interface_address="localhost"), 1472),
        (lambda h, p: TcpStream(thread_pool=POOL, endpoints=[(h, p)], config=CONFIG), 1000),
        (lambda h, p: TcpStream(POOL, h, p), 1472),
        (lambda h, p: TcpStream(POOL, h, p, CONFIG, 65536, "127.0.0.1"), 1000),
        (lambda h, p: TcpStream(POOL, hostname=h, port=p, buffer_size=0), 1472),
        (lambda h, p: TcpStream(POOL, socket.create_connection((h, p))), 1472),
        (lambda h, p: TcpStream(POOL, socket.create_connection((h, p)), CONFIG), 1000),
        (
            lambda h, p: TcpStream(POOL, config=CONFIG, socket=socket.create_connection((h, p))),
            1000,
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_tcp_forms(listener: socket.socket, form: Form, max_packet_size: int) -> None:
    stream = form(*listener.getsockname())
    connection, _ = listener.accept()
    packets = b"".join(expected(max_packet_size))
    with connection:
        connection.settimeout(30)
        assert send(stream) == len(packets)
        assert connection.recv(len(packets), socket.MSG_WAITALL) == packets


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "text"),
    [
        (([],), {}, ValueError, "exactly one.*0"),
        (([UNICAST, UNICAST],), {}, ValueError, "exactly one.*2"),
        (([("no.such.host.invalid", 1)],), {}, RuntimeError, "Host not found.*no.such.host"),
        (([UNICAST],), {"interface_address": "192.0.2.1"}, OSError, "192.0.2.1"),
        (([UNICAST],), {"interface_address": "192.0.2.1"}, RuntimeError, "192.0.2.1"),
        (([UNICAST],), {"interface_address": "no.such.invalid"}, RuntimeError, "Host not found"),
        (([("127.0.0.1", 65536)],), {}, ValueError, "65536"),
        (([UNICAST], None), {}, TypeError, "None"),
        (([UNICAST], StreamConfig(), -1), {}, TypeError, "-1"),
        (([UNICAST],), {"ttl": 1}, TypeError, "ttl"),
        ((None,), {}, TypeError, "None"),
        ((), {}, (TypeError, ValueError), "endpoint"),
    ],
)
def test_tcp_errors(arguments: Any, keywords: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        TcpStream(POOL, *arguments, **keywords)

    async def connect() -> None:
        await spead2.send.asyncio.TcpStream.connect(POOL, *arguments, **keywords)

    with pytest.raises(error, match=text):
        asyncio.run(connect())


def test_refused_connection() -> None:
    with socket.socket() as not_listening:
        not_listening.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            TcpStream(POOL, [not_listening.getsockname()])


def test_wrong_tcp_sockets() -> None:
    with own_socket() as wrong, pytest.raises(ValueError, match="not a TCP socket"):
        TcpStream(POOL, wrong)
    with socket.socket() as unconnected, pytest.raises(ValueError, match="not connected"):
        TcpStream(POOL, unconnected)
