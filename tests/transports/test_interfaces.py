# SPDX-License-Identifier: Apache-2.0
"""An interface is given by its name or by an address of it, for UDP, TCP and multicast."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from collections.abc import Iterator

import pytest
from namespaces import Link

import spead2
import spead2.send

NEAR6, FAR6 = "fd77::1", "fd77::2"
GROUP4, GROUP6 = "239.77.7.7", "ff15::7:7"


def make_heap() -> spead2.send.Heap:
    group = spead2.send.ItemGroup()
    group.add_item(0x1000, "data", "", (), format=[("u", 48)], value=7)
    return group.get_heap(descriptors="none")


@pytest.fixture
def link6(link: Link) -> Link:
    """Give a link on which IPv6 works at once, without looking for duplicates."""
    for end, address in (("near", NEAR6), ("far", FAR6)):
        link.ip(end, *f"addr add {address}/64 dev {end}0 nodad".split())
    for end, address, mac in (("near", FAR6, "02"), ("far", NEAR6, "01")):
        mac = f"02:00:00:00:00:{mac}"
        link.ip(end, *f"-6 neighbour add {address} lladdr {mac} dev {end}0".split())
    return link


@contextlib.contextmanager
def receiver(link: Link, address: str, group: str | None = None) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with link.at("far"):
        sock = socket.socket(family, socket.SOCK_DGRAM)
        with sock:
            sock.bind((address, 0))
            if group is not None and family == socket.AF_INET:
                request = socket.inet_aton(group) + socket.inet_aton(Link.far_address)
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
            elif group is not None:
                index = socket.if_nametoindex("far0")
                request = socket.inet_pton(family, group) + struct.pack("I", index)
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
            sock.settimeout(30)
            yield sock


@pytest.mark.parametrize("interface", ["near0", Link.near_address])
def test_unicast_comes_from_the_interface(link: Link, interface: str) -> None:
    link.ip("near", *["addr", "add", "10.77.0.8/24", "dev", "near0"])
    with receiver(link, link.far_address) as sock:
        with link.at("near"):
            stream = spead2.send.UdpStream(
                spead2.ThreadPool(), [sock.getsockname()], interface_address=interface
            )
        stream.send_heap(make_heap())
        host, port = sock.recvfrom(1000)[1]
        assert host == link.near_address
        assert port > 1023  # of the system's choice


@pytest.mark.parametrize("interface", ["near0", NEAR6])
def test_unicast_of_ipv6_comes_from_an_address_beyond_the_link(link6: Link, interface: str) -> None:
    with receiver(link6, FAR6) as sock:
        with link6.at("near"):
            stream = spead2.send.UdpStream(
                spead2.ThreadPool(), [sock.getsockname()[:2]], interface_address=interface
            )
        stream.send_heap(make_heap())
        assert sock.recvfrom(1000)[1][0] == NEAR6


# There is no route for the group: without the interface it goes nowhere.
@pytest.mark.parametrize("interface", ["near0", Link.near_address])
def test_multicast_goes_to_the_interface(link: Link, interface: str) -> None:
    with receiver(link, GROUP4, GROUP4) as sock:
        port = sock.getsockname()[1]
        with link.at("near"):
            stream = spead2.send.UdpStream(
                spead2.ThreadPool(), [(GROUP4, port)], ttl=1, interface_address=interface
            )
        stream.send_heap(make_heap())
        assert sock.recvfrom(1000)[1][0] == link.near_address


@pytest.mark.parametrize("interface", ["near0", NEAR6, "other0"])
def test_multicast_of_ipv6_goes_to_the_interface(link6: Link, interface: str) -> None:
    """Another interface comes first in the table of routes: only what was asked for is taken."""
    link6.ip("near", *["link", "add", "other0", "type", "veth", "peer", "name", "other1"])
    for device in ("other0", "other1"):
        link6.ip("near", "link", "set", device, "up")
    group = "ff00::/8"
    route = f"-6 route add {group} dev other0 table local metric 1"
    link6.ip("near", *route.split())
    with receiver(link6, "::", GROUP6) as sock:
        port = sock.getsockname()[1]
        with link6.at("near"):
            stream = spead2.send.UdpStream(
                spead2.ThreadPool(), [(GROUP6, port)], ttl=1, interface_address=interface
            )
            marker = spead2.send.UdpStream(
                spead2.ThreadPool(), [(FAR6, port)], interface_address=NEAR6
            )
        if interface != "other0":
            stream.send_heap(make_heap())
            assert len(sock.recv(1000)) > 0
            return
        with contextlib.suppress(OSError):  # it has no address to send from yet
            stream.send_heap(make_heap())
        marker.send_heap(make_heap(), cnt=99)
        assert sock.recv(1000) == bytes(
            next(iter(spead2.send.PacketGenerator(make_heap(), 99, 1472)))
        )


@pytest.mark.parametrize("interface", ["near0", Link.near_address])
def test_tcp_connects_from_the_interface(link: Link, interface: str) -> None:
    link.ip("near", *["addr", "add", "10.77.0.8/24", "dev", "near0"])
    with link.at("far"):
        listener = socket.socket()
    with listener:
        listener.bind((link.far_address, 0))
        listener.listen()
        with link.at("near"):
            stream = spead2.send.TcpStream(
                spead2.ThreadPool(), [listener.getsockname()], interface_address=interface
            )
        connection, peer = listener.accept()
        with connection:
            assert peer[0] == link.near_address
        del stream


@pytest.mark.parametrize("kind", [spead2.send.UdpStream, spead2.send.TcpStream])
def test_what_is_neither_name_nor_address(kind: type) -> None:
    with pytest.raises(RuntimeError, match=r"Host not found: 'eth99'.*no network interface"):
        kind(spead2.ThreadPool(), [("127.0.0.1", 7148)], interface_address="eth99")


def test_an_interface_without_a_fitting_address(link: Link) -> None:
    link.ip("near", *["addr", "flush", "dev", "near0"])
    with link.at("near"), pytest.raises(OSError, match="near0 has no IPv4 address") as caught:
        spead2.send.UdpStream(spead2.ThreadPool(), [("127.0.0.1", 7148)], interface_address="near0")
    assert caught.value.errno == errno.EADDRNOTAVAIL


def test_an_address_of_the_link_alone_fits_too(link: Link) -> None:
    link.ip("near", *["-6", "addr", "flush", "dev", "near0"])
    link.ip("near", *["-6", "addr", "add", "fe80::77/64", "dev", "near0", "nodad"])
    with link.at("near"):
        stream = spead2.send.UdpStream(
            spead2.ThreadPool(), [("fe80::78%near0", 7148)], interface_address="near0"
        )
    assert "fe80::78" in repr(stream)
