# SPDX-License-Identifier: GPL-3.0-or-later
"""Where heaps come from, by name: each makes a stream that a source takes heaps from.

A row of `RECEIVERS` is all that a transport needs here; its options are those of the stream that
:mod:`spead2.recv` has for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Union

import spead2.recv
from spead2 import _spead2

from . import spead2_python as _blocks
from ._checks import whole
from ._options import RECEIVER, Option, rows_of, split, takes

#: (host, port) to receive at, or only the port.
AddressLike = Union[int, tuple[str, int]]
FileLike = Union[str, "os.PathLike[str]"]


@dataclass(frozen=True)
class Receiver:
    """What a stream is made from: `make` takes a place, two configurations and `options`."""

    row: Any  #: of the engine's table of readers
    make: Callable[..., spead2.recv.Stream]
    options: tuple[Option, ...]

    @property
    def all_options(self) -> list[Option]:
        """Options of the stream and its own."""
        return [*RECEIVER, *self.options]


def to_address(value: AddressLike) -> tuple[str, int]:
    """Make (host, port) of what was given."""
    if isinstance(value, (tuple, list)) and len(value) == 2 and isinstance(value[0], str):
        host, port = value
    else:
        host, port = "", value
    try:
        return host, whole("port", port, 0, 65535)
    except TypeError:
        raise TypeError(f"address is {value!r}, but must be (host, port) or a port") from None


def _udp(address: AddressLike, config: Any, ring: Any, **options: Any) -> spead2.recv.Stream:
    sizes = [whole(name, options[name], 0) for name in ("max_size", "buffer_size")]
    interface = options["interface_address"] or ""
    return _blocks.udp_receiver(*to_address(address), config, ring, *sizes, interface)


def _tcp(address: AddressLike, config: Any, ring: Any, **options: Any) -> spead2.recv.Stream:
    sizes = [whole(name, options[name], 0) for name in ("max_size", "buffer_size")]
    return _blocks.tcp_receiver(*to_address(address), config, ring, *sizes)


def _ibv(address: AddressLike, config: Any, ring: Any, **options: Any) -> spead2.recv.Stream:
    ibv = spead2.recv.UdpIbvConfig(endpoints=[to_address(address)], **options)
    stream = spead2.recv.Stream(spead2.ThreadPool(), config, ring)
    stream.add_udp_ibv_reader(ibv)
    return stream


def _pcap(filename: FileLike, config: Any, ring: Any, **options: Any) -> spead2.recv.Stream:
    stream = spead2.recv.Stream(spead2.ThreadPool(), config, ring)
    stream.add_udp_pcap_file_reader(filename, **options)
    return stream


def _receiver(name: str, make: Callable[..., spead2.recv.Stream]) -> Receiver:
    """Return what makes the streams of a reader; an interface may be given by its name."""
    row = _spead2.recv.READERS[name]
    # The first argument is the place, those after it are options here.
    options = [Option(*argument) for argument in row.arguments[1:]]
    owner = row.method if row.method in _spead2.recv.OPTIONS else "UdpIbvConfig"
    options += rows_of(owner, _spead2.recv)
    return Receiver(row, make, tuple(o for o in options if o.name != "interface_index"))


_MAKERS: dict[str, Callable[..., spead2.recv.Stream]] = {
    "udp": _udp,
    "tcp": _tcp,
    "ibv": _ibv,
    "pcap": _pcap,
}
RECEIVERS = {name: _receiver(name, make) for name, make in _MAKERS.items()}


def open_receiver(name: str, place: Any, values: dict[str, Any]) -> spead2.recv.Stream:
    """Make the stream of a transport."""
    receiver = RECEIVERS[name]
    general, own = split(f"{name}_receiver", values, RECEIVER, receiver.options)
    general = {o.name: general.get(o.name, o.default) for o in RECEIVER}
    own = {o.name: own.get(o.name, o.default) for o in receiver.options}
    ring = spead2.recv.RingStreamConfig(heaps=general.pop("heaps"))
    return receiver.make(place, spead2.recv.StreamConfig(**general), ring, **own)


@takes(RECEIVERS["udp"].all_options)
def udp_receiver(address: AddressLike, **options: Any) -> spead2.recv.Stream:
    """Make a stream that receives by UDP for a source, with a thread of its own.

    Parameters
    ----------
    address
        (host, port) to receive at, maybe a multicast group, or only the port.
    OPTIONS

    Raises
    ------
    ValueError, OSError, RuntimeError
        If an argument makes no sense; if the operating system refuses; if a host name is not
        known.
    """
    return open_receiver("udp", address, options)


@takes(RECEIVERS["tcp"].all_options)
def tcp_receiver(address: AddressLike, **options: Any) -> spead2.recv.Stream:
    """Make a stream that receives over the first TCP connection, with a thread of its own.

    Parameters
    ----------
    address
        (host, port) to listen at, or only the port.
    OPTIONS

    Raises
    ------
    ValueError, OSError, RuntimeError
        If an argument makes no sense; if the operating system refuses; if a host name is not
        known.
    """
    return open_receiver("tcp", address, options)


@takes(RECEIVERS["ibv"].all_options)
def ibv_receiver(address: AddressLike, **options: Any) -> spead2.recv.Stream:
    """Make a stream that receives past the kernel, through ibverbs, with a thread of its own.

    Parameters
    ----------
    address
        (host, port) to receive at: an IPv4 multicast group, or the address of the interface.
    OPTIONS

    Raises
    ------
    ValueError, OSError, RuntimeError
        If an argument makes no sense; if no device has the interface, or it refuses; if a host name
        is not known, or the libraries are not on this machine.
    """
    return open_receiver("ibv", address, options)


@takes(RECEIVERS["pcap"].all_options)
def pcap_receiver(filename: FileLike, **options: Any) -> spead2.recv.Stream:
    """Make a stream of the packets in a capture file for a source, with a thread of its own.

    Parameters
    ----------
    filename
        pcap or pcapng; a regular file. The stream ends with it.
    OPTIONS

    Raises
    ------
    OSError, RuntimeError
        If the file cannot be opened; if it is no capture, the filter is wrong, or there is no
        libpcap.
    """
    return open_receiver("pcap", filename, options)
