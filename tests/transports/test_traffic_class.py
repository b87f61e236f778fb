# SPDX-License-Identifier: Apache-2.0
"""The option dscp, as packets have it on the wire: UDP and TCP, IPv4 and IPv6, one host and two."""

from __future__ import annotations

import asyncio
import pathlib
import socket
import struct
from typing import Any

import numpy as np
import pytest
from namespaces import Link

import spead2
import spead2.send
import spead2.send.asyncio

CODE_POINTS = [1, 46, 63]
LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
FAMILIES = [socket.AF_INET, socket.AF_INET6]
NEAR6, FAR6 = "fd77::1", "fd77::2"

IP_RECVTOS = 13  # Python before 3.10 does not name it


def make_heap(size: int = 50_000) -> spead2.send.Heap:
    group = spead2.send.ItemGroup()
    value = np.zeros(size, np.uint8)
    group.add_item(0x1000, "data", "", value.shape, value.dtype, value=value)
    return group.get_heap(descriptors="none")


def receiver(family: int, address: str | None = None) -> socket.socket:
    """Make a socket that tells the traffic class of what it receives."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVTOS, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
    sock.bind((address or LOOPBACK[socket.AddressFamily(family)], 0))
    sock.settimeout(30)
    return sock


def classes(sock: socket.socket, packets: int) -> set[int]:
    """Receive so many packets, and return their traffic classes, all 8 bits."""
    found = set()
    for _ in range(packets):
        _, controls, _, _ = sock.recvmsg(65536, 1024)
        ((level, _, data),) = controls
        size = 1 if level == socket.IPPROTO_IP else 4
        found.add(int.from_bytes(data[:size], "little"))
    return found


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dscp", [0, *CODE_POINTS])
def test_udp(family: int, dscp: int) -> None:
    """A large heap, which goes in segmented messages, and a small one, which does not."""
    with receiver(family) as sock:
        stream = spead2.send.UdpStream(spead2.ThreadPool(), [sock.getsockname()[:2]], dscp=dscp)
        for size in (50_000, 100):
            heap = make_heap(size)
            stream.send_heap(heap)
            packets = len(list(spead2.send.PacketGenerator(heap, 1, 1472)))
            assert classes(sock, packets) == {dscp << 2}


@pytest.mark.parametrize("family", FAMILIES)
def test_udp_with_asyncio(family: int) -> None:
    async def send(endpoint: tuple[str, int]) -> None:
        stream = spead2.send.asyncio.UdpStream(spead2.ThreadPool(), [endpoint], dscp=46)
        await stream.async_send_heap(make_heap(10))

    with receiver(family) as sock:
        asyncio.run(send(sock.getsockname()[:2]))
        assert classes(sock, 1) == {46 << 2}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_socket_that_is_given_keeps_its_class_unless_asked(family: int) -> None:
    with receiver(family) as sock, socket.socket(family, socket.SOCK_DGRAM) as own:
        level, name = (
            (socket.IPPROTO_IP, socket.IP_TOS)
            if family == socket.AF_INET
            else (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
        )
        own.setsockopt(level, name, 0x28)
        for options, expected in (({}, 0x28), ({"dscp": 12}, 12 << 2)):
            stream = spead2.send.UdpStream(
                spead2.ThreadPool(), [sock.getsockname()[:2]], socket=own, **options
            )
            stream.send_heap(make_heap(10))
            assert classes(sock, 1) == {expected}


@pytest.fixture
def link6(link: Link) -> Link:
    """Give a link on which IPv6 works at once, without looking for duplicates."""
    for end, address in (("near", NEAR6), ("far", FAR6)):
        link.ip(end, *f"addr add {address}/64 dev {end}0 nodad".split())
    for end, address, mac in (("near", FAR6, "02"), ("far", NEAR6, "01")):
        mac = f"02:00:00:00:00:{mac}"
        link.ip(end, *f"-6 neighbour add {address} lladdr {mac} dev {end}0".split())
    return link


def class_of_frame(frame: bytes) -> int:
    """Return all 8 bits of an Ethernet frame's traffic class."""
    (kind,) = struct.unpack(">H", frame[12:14])
    assert kind in (0x0800, 0x86DD)
    return frame[15] if kind == 0x0800 else struct.unpack(">H", frame[14:16])[0] >> 4 & 0xFF


def is_data(frame: bytes, source_port: int) -> bool:
    """Whether a frame is of a TCP connection's sender, and has a packet in it."""
    tcp = {b"\x08\x00": frame[34:], b"\x86\xdd": frame[54:]}.get(frame[12:14], b"")
    return tcp[:2] == struct.pack(">H", source_port) and b"\x53\x04\x03\x05" in tcp[20:]


@pytest.mark.parametrize("address", [Link.far_address, FAR6])
def test_tcp_in_frames_that_arrive_at_another_host(link6: Link, address: str) -> None:
    """Those with data; and none of a stream without the option, as a check on the check."""
    with link6.at("far"):
        capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        capture.bind(("far0", 0))
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server = socket.create_server((address, 0), family=family)
    capture.settimeout(30)
    with capture, server:
        for dscp in (46, 0):
            with link6.at("near"):
                stream = spead2.send.TcpStream(
                    spead2.ThreadPool(), [server.getsockname()[:2]], dscp=dscp
                )
            connection, peer = server.accept()
            with connection:
                stream.send_heap(make_heap(2000))
                frame = capture.recv(70_000)
                while not is_data(frame, peer[1]):
                    frame = capture.recv(70_000)
            assert class_of_frame(frame) >> 2 == dscp


@pytest.mark.parametrize("family", FAMILIES)
def test_tcp_with_a_socket_that_is_given(family: int) -> None:
    with socket.create_server((LOOPBACK[socket.AddressFamily(family)], 0), family=family) as server:
        own = socket.create_connection(server.getsockname()[:2])
        with own:
            spead2.send.TcpStream(spead2.ThreadPool(), own, dscp=10)
            level, name = (
                (socket.IPPROTO_IP, socket.IP_TOS)
                if family == socket.AF_INET
                else (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
            )
            assert own.getsockopt(level, name) == 10 << 2


@pytest.mark.parametrize("dscp", CODE_POINTS)
def test_capture_files(tmp_path: pathlib.Path, dscp: int) -> None:
    path = tmp_path / "x.pcap"
    endpoints = [("10.1.2.3", 1), ("fd00::5", 1)]
    stream = spead2.send.PcapStream(spead2.ThreadPool(), path, endpoints, dscp=dscp)
    for substream in range(2):
        stream.send_heap(make_heap(100), substream_index=substream)
    data, at, found = path.read_bytes(), 24, []
    while at < len(data):
        (length,) = struct.unpack_from("=I", data, at + 8)
        frame = data[at + 16 : at + 16 + length]
        found.append(class_of_frame(frame))
        if frame[14] >> 4 == 4:  # the header's checksum has it, too
            words = struct.unpack(">10H", frame[14:34])
            assert sum(words) % 0xFFFF == 0
        else:
            assert frame[14] >> 4 == 6
        at += 16 + length
    assert found == [dscp << 2, dscp << 2]


@pytest.mark.parametrize("value", [-1, 64, 2**40])
def test_out_of_range(value: Any, tmp_path: pathlib.Path) -> None:
    pool = spead2.ThreadPool()
    text = f"^dscp is {value}, but must be from 0 to 63$"
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = [server.getsockname()]
        for error in (ValueError, IndexError):
            with pytest.raises(error, match=text):
                spead2.send.UdpStream(pool, address, dscp=value)
            with pytest.raises(error, match=text):
                spead2.send.TcpStream(pool, address, dscp=value)
            with pytest.raises(error, match=text):
                spead2.send.PcapStream(pool, tmp_path / "x", address, dscp=value)
            with pytest.raises(error, match=text):
                spead2.send.UdpIbvConfig(dscp=value)
