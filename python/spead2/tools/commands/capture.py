# SPDX-License-Identifier: Apache-2.0
"""``spead2 capture``: writes the datagrams that come to a port or group to a pcap file."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

import click

import spead2.recv
from spead2._spead2.recv import FrameCapture

from ..parameters import Endpoint, joining_interface_option, receive_buffer_option
from ..report import ExitCode, print_json, set_up_logging

_MAGIC_NANOSECONDS = 0xA1B23C4D
_ETHERNET = 1
_LARGEST = 262144  # bytes of a frame
#: Bytes of a record before what is in the datagram: of the record itself, Ethernet, IP, UDP.
_BEFORE_PAYLOAD = 16 + 14 + 20 + 8
_SO_RCVBUFFORCE = 33


def listen(host: str, port: int, interface: str | None, buffer_size: int) -> socket.socket:
    """Return a socket that receives what goes to an address of this machine, or to a group."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    if family != socket.AF_INET:
        raise OSError("captures are of IPv4")
    sock = socket.socket(family, kind)
    try:
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, buffer_size)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_size)
        if socket.inet_aton(str(address[0]))[0] & 0xF0 == 0xE0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            joined = socket.inet_aton(str(address[0])) + socket.inet_aton(interface or "0.0.0.0")
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _checksum(header: bytes) -> int:
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    total = (total & 0xFFFF) + (total >> 16)
    checksum: int = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return checksum


def frame_of(payload: bytes, source: tuple[str, int], destination: tuple[str, int]) -> bytes:
    """Return an Ethernet frame with a datagram in it; the socket only gave what was in it."""
    udp = struct.pack(">HHHH", source[1], destination[1], 8 + len(payload), 0)
    addresses = socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
    start = struct.pack(">BBHHHBB", 0x45, 0, 28 + len(payload), 0, 0x4000, 64, 17)
    checksum = struct.pack(">H", _checksum(start + bytes(2) + addresses))
    return bytes(12) + b"\x08\x00" + start + checksum + addresses + udp + payload


class Datagrams:
    """What comes to a socket, as records of a capture file."""

    def __init__(self, sock: socket.socket, host: str) -> None:
        self._socket = sock
        self._destination = (socket.gethostbyname(host), sock.getsockname()[1])

    def read(self, timeout: float, most: int) -> tuple[int, bytes]:
        """Wait for a datagram; return how many came, and their records."""
        self._socket.settimeout(timeout)
        try:
            payload, sender = self._socket.recvfrom(65536)
        except (TimeoutError, socket.timeout, BlockingIOError):
            return 0, b""
        frame = frame_of(payload, sender[:2], self._destination)
        seconds, parts = divmod(time.time_ns(), 10**9)
        return 1, struct.pack("=IIII", seconds, parts, len(frame), len(frame)) + frame

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()


def open_source(options: dict[str, Any]) -> Datagrams | FrameCapture:
    """Return where datagrams come from: a socket, or a network device past the kernel."""
    host, port = options["source"]
    if not options["ibv"]:
        return Datagrams(listen(host, port, options["interface"], options["buffer"]), host)
    config = spead2.recv.UdpIbvConfig(
        endpoints=[(host, port)],
        interface_address=options["interface"] or "",
        buffer_size=options["buffer"],
        comp_vector=options["ibv_vector"],
    )
    return FrameCapture(config)


def capture(
    source: Datagrams | FrameCapture, stream: BinaryIO, options: dict[str, Any]
) -> dict[str, int | float]:
    """Write until there are enough, time is up, or it is interrupted."""
    stream.write(struct.pack("=IHHiIII", _MAGIC_NANOSECONDS, 2, 4, 0, 0, _LARGEST, _ETHERNET))
    left = options["packets"] or sys.maxsize
    count = size = 0
    start = time.monotonic()
    end = start + (options["seconds"] or float("inf"))
    with contextlib.suppress(KeyboardInterrupt):
        while count < left and (now := time.monotonic()) < end:
            n, records = source.read(min(end - now, 0.1), min(left - count, 1024))
            if n == 0:
                stream.flush()
            stream.write(records)
            count += n
            size += len(records) - n * _BEFORE_PAYLOAD
    return {"datagrams": count, "bytes": size, "seconds": time.monotonic() - start}


@click.command("capture", short_help="Write what comes to a capture file.")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("source", type=Endpoint(), default="127.0.0.1:8888", required=False)
@joining_interface_option
@receive_buffer_option(64 << 20)
@click.option(
    "--ibv", is_flag=True, help="Past the kernel, through ibverbs: frames as they were sent."
)
@click.option(
    "--ibv-vector",
    type=int,
    default=0,
    show_default=True,
    help="Interrupt of the device to wait for; negative: poll.",
)
@click.option("--packets", type=click.IntRange(1), help="Stop after so many datagrams.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="Stop after so long.")
@click.option("--json", is_flag=True, help="Result as JSON.")
def command(**options: Any) -> None:
    """Write the UDP datagrams that come to SOURCE (HOST:PORT, a group too) to FILE, a pcap file.

    It takes the port, as a receiver would, and needs no rights; frames and IP headers in it are
    made up from addresses and ports. With --ibv a device that can steer frames gives them whole,
    at rates that a socket does not bear; that takes --interface and CAP_NET_RAW. Ctrl-C ends it.
    The exit code is 3 if nothing came.
    """
    set_up_logging("warning", options["json"])
    try:
        source = open_source(options)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    except (OSError, RuntimeError) as error:
        click.echo(f"spead2 capture: {error}", err=True)
        sys.exit(ExitCode.NETWORK)
    try:
        with options["file"].open("wb") as stream:
            result = capture(source, stream, options)
    except OSError as error:
        raise click.UsageError(str(error)) from None
    finally:
        if isinstance(source, Datagrams):
            source.close()
    if options["json"]:
        print_json(result)
    else:
        click.echo(f"Wrote {result['datagrams']} datagrams, {result['bytes']} bytes")
    sys.exit(ExitCode.GOOD if result["datagrams"] else ExitCode.NO_INPUT)
