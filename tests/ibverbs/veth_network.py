# SPDX-License-Identifier: Apache-2.0
"""Two network namespaces joined by a veth pair, and sockets in the second of them."""

from __future__ import annotations

import ctypes
import dataclasses
import os
import re
import socket
import struct
import subprocess
import threading
import types
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

MTU = 9200
SENDER_ADDRESS = "10.99.0.1"
RECEIVER_ADDRESS = "10.99.0.2"
CLONE_NEWNET = 0x40000000
SO_RCVBUFFORCE = 33
ETH_P_IP = 0x0800
RECEIVE_BUFFER = 128 << 20


class UnavailableError(Exception):
    """The machine forbids what the tests need."""


def _ip(*arguments: str) -> str:
    command = ["ip", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise UnavailableError("the program ip is missing (package iproute2)") from error
    if done.returncode != 0:
        raise UnavailableError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def in_namespace(name: str, function: Callable[[], T]) -> T:
    """Call `function` in a network namespace; a socket that it makes stays there."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            with open(f"/var/run/netns/{name}", "rb") as file:
                if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns failed")
            results.append(function())
        except BaseException as error:
            errors.append(error)

    # A thread of its own: the namespace is the thread's and ends with it.
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


@dataclasses.dataclass
class Network:
    """Names of the two namespaces, and of the interfaces in them that are joined."""

    sender: str = f"spead2s{os.getpid()}"
    receiver: str = f"spead2r{os.getpid()}"
    sender_interface: str = "spead2tx"
    receiver_interface: str = "spead2rx"
    sender_mac: bytes = b""

    def __enter__(self) -> Network:
        """Make them."""
        try:
            self._make()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """Remove them, and with them the interfaces."""
        self._remove()

    def _make(self) -> None:
        for name in (self.sender, self.receiver):
            _ip("netns", "add", name)
        tx, rx = self.sender_interface, self.receiver_interface
        peer = ["peer", "name", rx, "netns", self.receiver]
        _ip("link", "add", tx, "netns", self.sender, "mtu", str(MTU), "type", "veth", *peer)
        _ip("-n", self.receiver, "link", "set", rx, "mtu", str(MTU))
        for name, interface, address in (
            (self.sender, tx, SENDER_ADDRESS),
            (self.receiver, rx, RECEIVER_ADDRESS),
        ):
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", interface)
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "link", "set", interface, "up")
            _ip("-n", name, "route", "add", "239.0.0.0/8", "dev", interface)
        shown = _ip("-n", self.sender, "link", "show", "dev", tx)
        found = re.search(r"link/ether ([0-9a-f:]+)", shown)
        assert found is not None
        self.sender_mac = bytes.fromhex(found[1].replace(":", ""))

    def _remove(self) -> None:
        for name in (self.sender, self.receiver):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def capture(self) -> FrameSocket:
        """Open a socket that gets every frame that arrives at the receiver's interface."""

        def make() -> socket.socket:
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IP))
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
            sock.bind((self.receiver_interface, ETH_P_IP))
            return sock

        return FrameSocket(in_namespace(self.receiver, make))

    def udp_receiver(self, group: str, port: int) -> socket.socket:
        """Open a UDP socket that has joined a multicast group on the receiver's interface."""

        def make() -> socket.socket:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
            sock.bind((group, port))
            request = socket.inet_aton(group) + socket.inet_aton(RECEIVER_ADDRESS)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
            sock.settimeout(5)
            return sock

        return in_namespace(self.receiver, make)

    def unused_port(self) -> int:
        """Find a port that no socket of the receiver's namespace uses."""

        def choose() -> int:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind(("", 0))
                port: int = sock.getsockname()[1]
                return port

        return in_namespace(self.receiver, choose)


class FrameSocket:
    """Frames that arrived, in order."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def read(self) -> list[bytes]:
        """Take the UDP frames that have arrived; what is sent after the call is not waited for."""
        frames: list[bytes] = []
        self._socket.setblocking(False)
        while True:
            try:
                frame = self._socket.recv(1 << 16)
            except BlockingIOError:
                return frames
            if len(frame) > 23 and frame[23] == socket.IPPROTO_UDP:
                frames.append(frame)


@dataclasses.dataclass
class Frame:
    """The fields of an Ethernet, IPv4 and UDP frame."""

    destination_mac: bytes
    source_mac: bytes
    ether_type: int
    ip_header: bytes
    source_port: int
    destination_port: int
    udp_length: int
    udp_checksum: int
    payload: bytes

    @classmethod
    def parse(cls, frame: bytes) -> Frame:
        """Take a frame apart."""
        (ether_type,) = struct.unpack_from(">H", frame, 12)
        source, destination, length, checksum = struct.unpack_from(">HHHH", frame, 34)
        return cls(
            destination_mac=frame[:6],
            source_mac=frame[6:12],
            ether_type=ether_type,
            ip_header=frame[14:34],
            source_port=source,
            destination_port=destination,
            udp_length=length,
            udp_checksum=checksum,
            payload=frame[42:],
        )


def internet_checksum(data: bytes) -> int:
    """Sum as RFC 1071 has it; 0 for a header whose checksum is right."""
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
