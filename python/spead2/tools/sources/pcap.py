# SPDX-License-Identifier: Apache-2.0
"""The UDP datagrams of a capture file (pcap) with their times; without pcapng and fragments."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_MAGIC = {0xA1B2C3D4: 1e-6, 0xA1B23C4D: 1e-9}
_PCAPNG = 0x0A0D0D0A
_ETHERTYPES = {0x0800: 4, 0x86DD: 6}
_VLAN = (0x8100, 0x88A8)
_UDP = 17
#: No capture has larger packets; a larger length is a broken file.
_LARGEST = 1 << 20


@dataclass(frozen=True)
class Datagram:
    """One captured datagram."""

    time: float  #: seconds
    port: int  #: where it went
    payload: bytes


def _ip_of(link: int, frame: bytes) -> bytes | None:
    """Return the IP packet of a frame; None if there is none."""
    if link == 101:  # raw IP
        return frame
    if link == 0 or link == 108:  # loopback of BSD
        return frame[4:]
    if link == 113:  # Linux cooked
        return frame[16:]
    if link == 276:
        return frame[20:]
    if link != 1:
        raise ValueError(f"link type {link} is not known; Ethernet, raw IP and loopback are")
    offset = 12
    while len(frame) >= offset + 2:
        (kind,) = struct.unpack_from(">H", frame, offset)
        if kind not in _VLAN:
            return frame[offset + 2 :] if kind in _ETHERTYPES else None
        offset += 4
    return None


def _udp_of(packet: bytes) -> tuple[int, bytes] | None:
    """Return the port and payload of a UDP datagram in an IP packet; None if it is none."""
    if not packet:
        return None
    if packet[0] >> 4 == 4 and len(packet) >= 20:
        (fragment,) = struct.unpack_from(">H", packet, 6)
        if packet[9] != _UDP or fragment & 0x3FFF:
            return None
        udp = packet[(packet[0] & 15) * 4 :]
    elif packet[0] >> 4 == 6 and len(packet) >= 40 and packet[6] == _UDP:
        udp = packet[40:]
    else:
        return None
    if len(udp) < 8:
        return None
    port, length = struct.unpack_from(">HH", udp, 2)
    payload = udp[8:length]
    return (port, payload) if length >= 8 and len(payload) == length - 8 else None


def _records(stream: BinaryIO, order: str, tick: float) -> Iterator[tuple[float, bytes]]:
    while True:
        head = stream.read(16)
        if len(head) < 16:
            return
        seconds, parts, size, _ = struct.unpack(f"{order}IIII", head)
        if size > _LARGEST:
            raise ValueError(f"a packet of {size} bytes; the file is broken")
        yield seconds + parts * tick, stream.read(size)


def read_datagrams(path: Path) -> Iterator[Datagram]:
    """Yield the datagrams of a file in their order.

    Raises
    ------
    ValueError
        If the file is no pcap file, or is broken; the text names it.
    """
    with path.open("rb") as stream:
        head = stream.read(24).ljust(24, b"\0")
        for order in "<>":
            magic, _, _, _, _, _, link = struct.unpack(f"{order}IHHiIII", head)
            if magic == _PCAPNG:
                raise ValueError(f"{path} is pcapng; editcap -F pcap makes a pcap file of it")
            if magic in _MAGIC:
                break
        else:
            magic = 0
        if magic not in _MAGIC:
            raise ValueError(f"{path} is no pcap file")
        try:
            for time, frame in _records(stream, order, _MAGIC[magic]):
                packet = _ip_of(link & 0xFFFF, frame)
                found = None if packet is None else _udp_of(packet)
                if found is not None:
                    yield Datagram(time, *found)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
