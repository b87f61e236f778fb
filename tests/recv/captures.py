# SPDX-License-Identifier: Apache-2.0
"""Capture files made by hand: any link layer, any IP packets, right or wrong."""

from __future__ import annotations

import struct
from collections.abc import Iterable

NULL, ETHERNET, RAW, LOOP, SLL, RAW4, RAW6, SLL2 = 0, 1, 101, 108, 113, 228, 229, 276
IPV4, IPV6 = 0x0800, 0x86DD
UDP = 17


def udp(payload: bytes, port: int = 7148) -> bytes:
    return struct.pack(">HHHH", 4242, port, 8 + len(payload), 0) + payload


def ipv4(
    data: bytes,
    protocol: int = UDP,
    options: bytes = b"",
    identification: int = 0,
    offset: int = 0,
    more: bool = False,
    source: bytes = bytes([10, 0, 0, 1]),
    destination: bytes = bytes([10, 0, 0, 2]),
) -> bytes:
    words = 5 + len(options) // 4
    return (
        struct.pack(
            ">BBHHHBBH4s4s",
            4 << 4 | words,
            0,
            4 * words + len(data),
            identification,
            more << 13 | offset // 8,
            64,
            protocol,
            0,
            source,
            destination,
        )
        + options
        + data
    )


def ipv6(
    data: bytes,
    protocol: int = UDP,
    source: bytes = bytes(15) + b"\1",
    destination: bytes = bytes(15) + b"\2",
) -> bytes:
    return struct.pack(">IHBB", 6 << 28, len(data), protocol, 64) + source + destination + data


def ipv6_fragment(
    data: bytes,
    identification: int,
    offset: int,
    more: bool,
    protocol: int = UDP,
    options: int = 0,
    **addresses: bytes,
) -> bytes:
    """`options`: bytes of a header of destination options in front of the fragment's."""
    data = struct.pack(">BBHI", protocol, 0, offset | more, identification) + data
    if options == 0:
        return ipv6(data, 44, **addresses)
    return ipv6(bytes([44, options // 8 - 1]) + bytes(options - 2) + data, 60, **addresses)


def link(packet: bytes, kind: int = ETHERNET, vlans: Iterable[int] = ()) -> bytes:
    """Put a link-layer header in front of an IP packet."""
    ether_type = IPV6 if packet[:1] and packet[0] >> 4 == 6 else IPV4
    tags = list(vlans)
    types = [0x8100] * len(tags) + [ether_type]
    inner = b"".join(struct.pack(">HH", tag, then) for tag, then in zip(tags, types[1:]))
    if kind == ETHERNET:
        return bytes(12) + struct.pack(">H", types[0]) + inner + packet
    if kind == SLL:
        return bytes(14) + struct.pack(">H", types[0]) + inner + packet
    if kind == SLL2:
        return struct.pack(">H", types[0]) + bytes(18) + inner + packet
    if kind in {NULL, LOOP}:
        return struct.pack("=I" if kind == NULL else ">I", 2 if ether_type == IPV4 else 24) + packet
    return packet


def pcap(
    frames: Iterable[bytes],
    kind: int = ETHERNET,
    order: str = "<",
    nanoseconds: bool = False,
    times: Iterable[float] | None = None,
    cut: int = 65535,
) -> bytes:
    """Return a file of the old kind."""
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    result = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, kind)
    scale = 1_000_000_000 if nanoseconds else 1_000_000
    frames = list(frames)
    for frame, time in zip(frames, times or [1.0] * len(frames)):
        seconds, rest = divmod(round(time * scale), scale)
        kept = frame[:cut]
        result += struct.pack(order + "IIII", seconds, rest, len(kept), len(frame)) + kept
    return result


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def pcapng(frames: Iterable[bytes], kind: int = ETHERNET, order: str = "<") -> bytes:
    """Return a file of the new kind."""
    result = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)
    result += block(1, struct.pack(order + "HHI", kind, 0, 262144), order)
    for frame in frames:
        head = struct.pack(order + "IIIII", 0, 0, 1000, len(frame), len(frame))
        result += block(6, head + frame, order)
    return result
