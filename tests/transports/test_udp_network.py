# SPDX-License-Identifier: Apache-2.0
"""UDP over networks that do not carry everything: small MTUs, slow devices, errors."""

from __future__ import annotations

import array
import errno
import fcntl
import logging
import os
import socket
import struct
import time

import numpy as np
import pytest
from namespaces import Link

import spead2
import spead2.send

SO_RCVBUFFORCE = 33
IP_RECVERR = 11


def make_heap(size: int, seed: int = 0) -> spead2.send.Heap:
    data = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    group = spead2.send.ItemGroup()
    group.add_item(0x1000, "data", "", shape=data.shape, dtype=data.dtype, value=data)
    return group.get_heap(descriptors="none")


def packets(heap: spead2.send.Heap, cnt: int, max_packet_size: int) -> list[bytes]:
    return [bytes(p) for p in spead2.send.PacketGenerator(heap, cnt, max_packet_size)]


def receiver(address: str = "127.0.0.1", buffer_size: int = 64 << 20) -> socket.socket:
    """Make a bound socket whose buffer holds everything a test sends."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, buffer_size)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_size)
    sock.bind((address, 0))
    sock.settimeout(30)
    return sock


def stream_to(*endpoints: tuple[str, int], **config: int) -> spead2.send.UdpStream:
    return spead2.send.UdpStream(
        spead2.ThreadPool(), list(endpoints), spead2.send.StreamConfig(**config)
    )


def offload_messages(caplog: pytest.LogCaptureFixture, expected: int) -> list[str]:
    """Return what was logged of offload. Messages of the engine arrive by a thread of their own."""
    limit = time.monotonic() + 30
    while True:
        messages = [r.getMessage() for r in caplog.records if "offload" in r.getMessage()]
        if len(messages) >= expected or time.monotonic() > limit:
            return messages
        time.sleep(0.001)


@pytest.mark.parametrize("max_packet_size", [1000, 1472, 1480, 8972, 65504])
def test_packets_above_the_mtu_arrive_whole(
    link: Link, caplog: pytest.LogCaptureFixture, max_packet_size: int
) -> None:
    heap = make_heap(300_000)
    with link.at("far"):
        sock = receiver(link.far_address)
    with link.at("near"):
        stream = stream_to(sock.getsockname(), max_packet_size=max_packet_size)
    with sock, caplog.at_level(logging.INFO, "spead2"):
        for cnt in (1, 2):
            stream.send_heap(heap, cnt)
            for expected in packets(heap, cnt, max_packet_size):
                assert sock.recv(65536) == expected
        # Known after the first message, and said once. Of the largest, one is a message anyway.
        expected_messages = 1 if 1472 < max_packet_size < 65504 else 0
        assert len(offload_messages(caplog, expected_messages)) == expected_messages


def test_a_route_that_shrinks_loses_nothing(link: Link, caplog: pytest.LogCaptureFixture) -> None:
    heap = make_heap(100_000)
    with link.at("far"):
        sock = receiver(link.far_address)
    with link.at("near"):
        stream = stream_to(sock.getsockname())
    with sock, caplog.at_level(logging.INFO, "spead2"):
        for cnt, mtu in enumerate([1500, 1000, 1500]):
            link.ip("near", "link", "set", link.near_device, "mtu", str(mtu))
            stream.send_heap(heap, cnt)
            for expected in packets(heap, cnt, 1472):
                assert sock.recv(65536) == expected
        assert len(offload_messages(caplog, 1)) == 1


def test_a_device_without_checksum_offload_sends_the_same(link: Link) -> None:
    heap = make_heap(300_000)
    with link.at("far"):
        sock = receiver(link.far_address)
    with link.at("near"):
        disable_checksum_offload(link.near_device)
        stream = stream_to(sock.getsockname())
    with sock:
        stream.send_heap(heap, 1)
        for expected in packets(heap, 1, 1472):
            assert sock.recv(65536) == expected


def disable_checksum_offload(device: str) -> None:
    """Do ``ethtool -K DEVICE tx off``."""
    siocethtool, ethtool_gtxcsum, ethtool_stxcsum = 0x8946, 0x16, 0x17
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for command in (ethtool_stxcsum, ethtool_gtxcsum):
            value = array.array("I", [command, 0])
            request = struct.pack("16sP8x", device.encode(), value.buffer_info()[0])
            fcntl.ioctl(sock, siocethtool, request)
    assert value[1] == 0


# Fragments of one packet of 8972 bytes need a buffer for all of them.
@pytest.mark.parametrize(("max_packet_size", "buffer_size"), [(1472, 1), (1472, 0), (8972, 8192)])
def test_a_slow_device_is_waited_for(link: Link, max_packet_size: int, buffer_size: int) -> None:
    """The socket's buffer fills up at once: 1 MB through 200 Mbit/s."""
    slow = "root tbf rate 200mbit burst 64k limit 4mb"
    link.tc("near", "qdisc", "add", "dev", link.near_device, *slow.split())
    heap = make_heap(1_000_000)
    with link.at("far"):
        sock = receiver(link.far_address)
    with link.at("near"):
        stream = spead2.send.UdpStream(
            spead2.ThreadPool(),
            [sock.getsockname()],
            spead2.send.StreamConfig(max_packet_size=max_packet_size),
            buffer_size,
        )
    expected = packets(heap, 1, max_packet_size)
    with sock:
        assert stream.send_heap(heap, 1) == sum(map(len, expected))
        for packet in expected:
            assert sock.recv(65536) == packet


def test_an_unreachable_substream_fails_alone(link: Link) -> None:
    heap = make_heap(100_000)
    link.ip("near", "route", "add", "unreachable", "10.78.0.0/24")
    with link.at("far"):
        sock = receiver(link.far_address)
    with link.at("near"):
        stream = stream_to(("10.78.0.1", 7148), sock.getsockname(), max_heaps=4)
    with sock:
        for mode in (spead2.send.GroupMode.SERIAL, spead2.send.GroupMode.ROUND_ROBIN):
            references = [
                spead2.send.HeapReference(heap, cnt=i, substream_index=i % 2) for i in range(4)
            ]
            with pytest.raises(OSError, match=os.strerror(errno.EHOSTUNREACH)) as caught:
                stream.send_heaps(references, mode)
            assert caught.value.errno == errno.EHOSTUNREACH
            received = [sock.recv(65536) for _ in range(2 * len(packets(heap, 1, 1472)))]
            assert sorted(received) == sorted(packets(heap, 1, 1472) + packets(heap, 3, 1472))
        assert stream.send_heap(heap, 9, substream_index=1) > 0
        assert sock.recv(65536) == packets(heap, 9, 1472)[0]


def test_an_older_error_of_the_socket_costs_no_packet() -> None:
    """With IP_RECVERR the kernel answers a send with the port-unreachable of an earlier one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = closed.getsockname()
    heap = make_heap(100)
    with receiver() as sock, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        stream = spead2.send.UdpStream(spead2.ThreadPool(), own, [nobody, sock.getsockname()])
        for cnt in range(10):
            stream.send_heap(heap, 0, substream_index=0)
            stream.send_heap(heap, cnt, substream_index=1)
            assert sock.recv(65536) == packets(heap, cnt, 1472)[0]


def test_a_packet_that_is_too_large_fails_and_the_next_goes() -> None:
    large, small = make_heap(70_000), make_heap(1000)
    with receiver() as sock:
        stream = stream_to(sock.getsockname(), max_packet_size=66_000)
        for cnt in range(3):
            with pytest.raises(OSError, match=os.strerror(errno.EMSGSIZE)) as caught:
                stream.send_heap(large)
            assert caught.value.errno == errno.EMSGSIZE
            # The second packet of the large heap is small enough.
            assert len(sock.recv(65536)) < 66_000
            stream.send_heap(small, cnt)
            assert sock.recv(65536) == packets(small, cnt, 66_000)[0]


def test_a_broadcast_address_needs_a_socket_that_may() -> None:
    stream = stream_to(("255.255.255.255", 7148))
    with pytest.raises(PermissionError):
        stream.send_heap(make_heap(100))
