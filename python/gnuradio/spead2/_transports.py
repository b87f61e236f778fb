# SPDX-License-Identifier: GPL-3.0-or-later
"""The transports by name: each makes a stream that one sink or several send on.

A row of `TRANSPORTS` is all that a transport needs here; its options are those of the stream that
:mod:`spead2.send` has for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import spead2
import spead2.send

from ._checks import whole
from ._options import STREAM, Option, options_of, split, takes
from .spead2_python import LARGEST_DATAGRAM, QUEUE_HEAPS, TCP_PACKET_SIZE

EndpointLike = tuple[str, int]


@dataclass(frozen=True)
class Transport:
    """What a stream is made from: `make` takes endpoints, a configuration and `options`."""

    make: Callable[..., spead2.send.Stream]
    options: tuple[Option, ...]
    max_packet_size: int = spead2.send.StreamConfig.DEFAULT_MAX_PACKET_SIZE
    largest_packet: int | None = None

    @property
    def stream_options(self) -> list[Option]:
        """Options of its stream, with the defaults that suit a flowgraph."""
        defaults = {"max_packet_size": self.max_packet_size, "max_heaps": QUEUE_HEAPS}
        return [
            Option(o.name, o.annotation, defaults.get(o.name, o.default), o.text) for o in STREAM
        ]

    @property
    def all_options(self) -> list[Option]:
        """Options of the stream and its own."""
        return [*self.stream_options, *self.options]


def _buffer_size(kind: Any) -> Option:
    text = "Bytes of the socket's buffer; 0: the system's."
    return Option("buffer_size", "int", kind.DEFAULT_BUFFER_SIZE, text)


def _interface_address(text: str) -> Option:
    return Option("interface_address", "str | None", None, text)


def _ibv_stream(endpoints: Any, config: Any, **options: Any) -> spead2.send.UdpIbvStream:
    ibv = spead2.send.UdpIbvConfig(endpoints=endpoints, **options)
    return spead2.send.UdpIbvStream(spead2.ThreadPool(), config, ibv)


TRANSPORTS = {
    "udp": Transport(
        lambda endpoints, config, **options: spead2.send.UdpStream(
            spead2.ThreadPool(), endpoints, config, **options
        ),
        (
            _buffer_size(spead2.send.UdpStream),
            Option(
                "ttl",
                "int | None",
                None,
                "Hop limit for multicast; the endpoints must then be multicast.",
            ),
            _interface_address("Interface to send from: by name (eth0), or by an address of it."),
        ),
        largest_packet=LARGEST_DATAGRAM,
    ),
    "tcp": Transport(
        lambda endpoints, config, **options: spead2.send.TcpStream(
            spead2.ThreadPool(), endpoints, config, **options
        ),
        (
            _buffer_size(spead2.send.TcpStream),
            _interface_address(
                "Interface to connect from: by name (eth0), or by an address of it."
            ),
            Option(
                "reconnect",
                "float",
                0.0,
                "Seconds for which to try to connect again when the connection is lost; 0: not.",
            ),
        ),
        max_packet_size=TCP_PACKET_SIZE,
    ),
    "ibv": Transport(
        _ibv_stream,
        tuple(o for o in options_of(spead2.send.UdpIbvConfig) if o.name != "endpoints"),
    ),
}


def to_endpoints(values: EndpointLike | Iterable[EndpointLike]) -> list[EndpointLike]:
    """Make a list of one (host, port) or several."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"endpoints is {values!r}, but must be (host, port) or a list of those")
    entries: list[Any] = list(values)
    if len(entries) == 2 and isinstance(entries[0], str):
        entries = [tuple(entries)]  # one (host, port)
    for entry in entries:
        if not isinstance(entry, (tuple, list)) or len(entry) != 2 or not isinstance(entry[0], str):
            raise TypeError(f"endpoint {entry!r} must be (host, port)")
    return [(host, whole("port", port)) for host, port in entries]


def open_stream(
    name: str, endpoints: EndpointLike | Iterable[EndpointLike], values: dict[str, Any]
) -> spead2.send.Stream:
    """Make the stream of a transport."""
    transport = TRANSPORTS[name]
    stream, own = split(name, values, transport.stream_options, transport.options)
    defaults = {o.name: o.default for o in transport.stream_options}
    config = spead2.send.StreamConfig(**{**defaults, **stream})
    largest = transport.largest_packet
    if largest is not None and config.max_packet_size // 8 * 8 > largest:
        raise ValueError(
            f"max_packet_size is {config.max_packet_size}, but UDP carries at most {largest} bytes"
        )
    # What is not set is left to the stream, whose forms differ by what is given.
    own = {k: v for k, v in own.items() if v is not None and v != ""}
    return transport.make(to_endpoints(endpoints), config, **own)


@takes(TRANSPORTS["udp"].all_options)
def udp(endpoints: EndpointLike | Iterable[EndpointLike], **options: Any) -> spead2.send.Stream:
    """Make a stream over UDP for a sink, with a thread of its own.

    Parameters
    ----------
    endpoints
        (host, port), or a list of those: one substream each.
    OPTIONS

    Raises
    ------
    ValueError, OSError, RuntimeError
        If an argument makes no sense; if the operating system refuses; if a host name is not
        known.
    """
    return open_stream("udp", endpoints, options)


@takes(TRANSPORTS["tcp"].all_options)
def tcp(endpoints: EndpointLike | Iterable[EndpointLike], **options: Any) -> spead2.send.Stream:
    """Make a stream over TCP for a sink, with a thread of its own. It connects at once.

    Parameters
    ----------
    endpoints
        (host, port), or a list of exactly one.
    OPTIONS

    Raises
    ------
    ValueError, OSError, RuntimeError
        If an argument makes no sense; if the connection is refused; if a host name is not known.
    """
    return open_stream("tcp", endpoints, options)


@takes(TRANSPORTS["ibv"].all_options)
def ibv(endpoints: EndpointLike | Iterable[EndpointLike], **options: Any) -> spead2.send.Stream:
    """Make a stream of UDP multicast past the kernel, through ibverbs, with a thread of its own.

    Parameters
    ----------
    endpoints
        (host, port) or a list of those, IPv4 multicast: one substream each.
    OPTIONS

    Raises
    ------
    ValueError, OSError, RuntimeError
        If an argument makes no sense; if the device refuses; if a host name is not known or there
        are no ibverbs libraries.
    """
    return open_stream("ibv", endpoints, options)
