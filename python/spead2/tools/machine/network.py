# SPDX-License-Identifier: Apache-2.0
"""Sockets, interfaces and the way to a destination, asked of the kernel by doing, where one can."""

from __future__ import annotations

import array
import fcntl
import ipaddress
import socket
import struct
from collections.abc import Iterator

from .finding import Finding, State, read_number

_IP_MTU, _IPV6_MTU = 14, 24
_UDP_SEGMENT, _UDP_GRO = 103, 104
_SIOCGIFFLAGS, _SIOCGIFADDR, _SIOCGIFMTU, _SIOCETHTOOL = 0x8913, 0x8915, 0x8921, 0x8946
_IFF_UP, _IFF_LOOPBACK = 0x1, 0x8
_GET_GRO, _GET_TX_CSUM = 0x2B, 0x16
_HEADERS = {socket.AF_INET: 28, socket.AF_INET6: 48}


def _buffer_given(option: int, size: int) -> int:
    """Return the buffer that a new UDP socket is given when it asks for a size."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, option, size)
        return sock.getsockopt(socket.SOL_SOCKET, option) // 2  # the kernel doubles it


def look_at_buffers(size: int) -> Iterator[Finding]:
    """Look whether sockets get the buffers that streams ask for."""
    wanted = {
        "receive": (socket.SO_RCVBUF, size, "rmem_max", "bursts above it are lost"),
        "send": (
            socket.SO_SNDBUF,
            512 << 10,
            "wmem_max",
            "sending waits for the kernel more often",
        ),
    }
    for name, (option, want, limit, harm) in wanted.items():
        given = _buffer_given(option, want)
        if given >= want:
            yield Finding(f"{name} buffer", State.GOOD, f"{want} bytes asked for and given")
        else:
            yield Finding(
                f"{name} buffer",
                State.FAULT if name == "receive" else State.NOTE,
                f"{want} bytes asked for, {given} given: {harm}",
                f"sysctl -w net.core.{limit}={want}",
            )
    lost = _receive_errors()
    if lost:
        yield Finding(
            "datagrams lost since boot",
            State.NOTE,
            f"{lost}, because sockets' receive buffers were full (RcvbufErrors)",
        )


def _receive_errors() -> int:
    try:
        with open("/proc/net/snmp", encoding="ascii") as stream:
            lines = [line.split() for line in stream if line.startswith("Udp:")]
    except OSError:
        return 0
    return int(dict(zip(lines[0], lines[1])).get("RcvbufErrors", 0)) if len(lines) == 2 else 0


def look_at_offload() -> Iterator[Finding]:
    """Look whether the kernel cuts and joins datagrams."""
    for name, option, since in (
        ("UDP_SEGMENT", _UDP_SEGMENT, "4.18"),
        ("UDP_GRO", _UDP_GRO, "5.0"),
    ):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            try:
                sock.setsockopt(socket.IPPROTO_UDP, option, 1)
                yield Finding(name, State.GOOD, "the kernel has it")
            except OSError:
                text = f"not in this kernel (Linux {since} and later): each packet costs a call"
                yield Finding(name, State.NOTE, text)


def _ethtool(interface: str, command: int) -> int | None:
    """Ask a driver for one of its old-style settings; None if it does not say."""
    value = array.array("I", [command, 0])
    address, _ = value.buffer_info()
    request = struct.pack("16sP", interface.encode(), address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            fcntl.ioctl(sock, _SIOCETHTOOL, request)
        except OSError:
            return None
    return value[1]


def _interface_number(interface: str, command: int, code: str) -> int:
    """Ask the kernel for a number of an interface; 0 for one that has just gone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            reply = fcntl.ioctl(sock, command, struct.pack("40s", interface.encode()))
        except OSError:
            return 0
    return int(struct.unpack_from(code, reply, 16)[0])


def look_at_interfaces() -> Iterator[Finding]:
    """Look at each interface that is up."""
    for _, interface in sorted(socket.if_nameindex(), key=lambda pair: pair[1]):
        # Not from /sys, which shows the network namespace in which it was mounted.
        flags = _interface_number(interface, _SIOCGIFFLAGS, "H")
        if not flags & _IFF_UP or flags & _IFF_LOOPBACK:
            continue
        off = [
            name
            for name, command in (("GRO", _GET_GRO), ("checksums for sending", _GET_TX_CSUM))
            if _ethtool(interface, command) == 0
        ]
        text = f"MTU {_interface_number(interface, _SIOCGIFMTU, 'i')}"
        if off:
            yield Finding(
                f"interface {interface}",
                State.NOTE,
                f"{text}; {' and '.join(off)} off",
                f"ethtool -K {interface} "
                + " ".join("gro on" if o == "GRO" else "tx on" for o in off),
            )
        else:
            yield Finding(f"interface {interface}", State.GOOD, text)


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return None


def _interface_of(family: int, address: str) -> str | None:
    """Return the name of the interface that has an address."""
    if family == socket.AF_INET6:
        for line in (_read("/proc/net/if_inet6") or "").splitlines():
            words = line.split()
            if ipaddress.ip_address(bytes.fromhex(words[0])) == ipaddress.ip_address(address):
                return words[5]
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _, name in socket.if_nameindex():
            try:
                reply = fcntl.ioctl(sock, _SIOCGIFADDR, struct.pack("256s", name.encode()))
            except OSError:
                continue  # it has none
            if socket.inet_ntoa(reply[20:24]) == address:
                return name
    return None


def look_at_way(host: str, packet_size: int) -> Iterator[Finding]:
    """Look at the route to a host or group: is there one, its MTU, what would drop data."""
    name = f"way to {host}"
    try:
        family, _, _, _, address = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)[0]
    except socket.gaierror as error:
        yield Finding(name, State.FAULT, f"the name cannot be looked up: {error.strerror}")
        return
    group = ipaddress.ip_address(str(address[0]).split("%")[0]).is_multicast
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(address)
        except OSError as error:
            net = "224.0.0.0/4" if family == socket.AF_INET else "ff00::/8"
            command = f"ip route add {net if group else address[0]} dev INTERFACE"
            yield Finding(name, State.FAULT, f"no route: {error.strerror}", command)
            return
        if family == socket.AF_INET:
            mtu = sock.getsockopt(socket.IPPROTO_IP, _IP_MTU)
        else:
            mtu = sock.getsockopt(socket.IPPROTO_IPV6, _IPV6_MTU)
        source = sock.getsockname()[0]
    interface = _interface_of(family, source)
    through = f"from {source}" + (f" ({interface})" if interface else "")
    largest = mtu - _HEADERS[socket.AddressFamily(family)]
    if largest < packet_size:
        yield Finding(
            name,
            State.FAULT,
            f"{through}, MTU {mtu}: packets of more than {largest} bytes fail or go in fragments, "
            f"and {packet_size} are wanted",
            f"ip link set {interface or 'INTERFACE'} mtu {packet_size + mtu - largest}, "
            f"or send with packets of {largest // 8 * 8} bytes",
        )
    else:
        yield Finding(name, State.GOOD, f"{through}, MTU {mtu}, packets to {largest} bytes")
    if group and interface == "lo":
        yield Finding(
            f"{name}, multicast",
            State.FAULT,
            "the group is routed to the loopback interface: nobody else hears it",
            "ip route add 224.0.0.0/4 dev INTERFACE",
        )
    if family == socket.AF_INET and interface not in (None, "lo"):
        yield from _look_at_filter(interface or "", group)


def _look_at_filter(interface: str, group: bool) -> Iterator[Finding]:
    values = [
        read_number(f"/proc/sys/net/ipv4/conf/{i}/rp_filter") or 0 for i in ("all", interface)
    ]
    if max(values) == 1:  # the larger of both holds
        yield Finding(
            f"rp_filter of {interface}",
            State.FAULT if group else State.NOTE,
            "1 (strict): what comes from a network without a route back through this interface is "
            "dropped without a word, multicast above all",
            f"sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.{interface}.rp_filter=2",
        )
    else:
        yield Finding(f"rp_filter of {interface}", State.GOOD, str(max(values)))
