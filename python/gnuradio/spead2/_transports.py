# SPDX-License-Identifier: GPL-3.0-or-later
"""The transports by name: each makes a stream that one sink or several send on.

A row of `TRANSPORTS` is all that a transport needs here; its options are those that C++ lists for
the stream that :mod:`spead2.send` has for it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import spead2
import spead2.send

from ._checks import whole
from ._options import STREAM, Option, rows_of, split, takes
from .spead2_python import LARGEST_DATAGRAM, QUEUE_HEAPS, TCP_PACKET_SIZE

EndpointLike = tuple[str, int]


@dataclasses.dataclass(frozen=True)
class Transport:
    """What a stream is made from: `make` takes endpoints, a configuration and `options`."""

    make: Callable[..., spead2.send.Stream]
    options: tuple[Option, ...]
    summary: str
    endpoints: str
    max_packet_size: int = spead2.send.StreamConfig.DEFAULT_MAX_PACKET_SIZE
    largest_packet: int | None = None

    @property
    def stream_options(self) -> list[Option]:
        """Options of its stream, with the defaults that suit a flowgraph."""
        defaults = {"max_packet_size": self.max_packet_size, "max_heaps": QUEUE_HEAPS}
        return [dataclasses.replace(o, default=defaults.get(o.name, o.default)) for o in STREAM]

    @property
    def all_options(self) -> list[Option]:
        """Options of the stream and its own."""
        return [*self.stream_options, *self.options]


def _ibv_stream(endpoints: Any, config: Any, **options: Any) -> spead2.send.UdpIbvStream:
    ibv = spead2.send.UdpIbvConfig(endpoints=endpoints, **options)
    return spead2.send.UdpIbvStream(spead2.ThreadPool(), config, ibv)


TRANSPORTS = {
    "udp": Transport(
        lambda endpoints, config, **options: spead2.send.UdpStream(
            spead2.ThreadPool(), endpoints, config, **options
        ),
        (*rows_of("UdpStream"),),
        "Make a stream over UDP for a sink, with a thread of its own.",
        "(host, port), or a list of those: one substream each.",
        largest_packet=LARGEST_DATAGRAM,
    ),
    "tcp": Transport(
        lambda endpoints, config, **options: spead2.send.TcpStream(
            spead2.ThreadPool(), endpoints, config, **options
        ),
        (*rows_of("TcpStream"),),
        "Make a stream over TCP for a sink, with a thread of its own. It connects at once.",
        "(host, port), or a list of exactly one.",
        max_packet_size=TCP_PACKET_SIZE,
    ),
    "ibv": Transport(
        _ibv_stream,
        (
            *rows_of("UdpIbvConfig"),
            Option(
                "memory_regions",
                "Sequence[Any]",
                [],
                "Memory from which payload is sent without a copy.",
            ),
        ),
        "Make a stream of UDP multicast past the kernel, through ibverbs, with its own thread.",
        "(host, port) or a list of those, IPv4 multicast: one substream each.",
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


def _function_of(name: str) -> Callable[..., spead2.send.Stream]:
    """Return the function that makes the stream of a transport."""

    def function(
        endpoints: EndpointLike | Iterable[EndpointLike], **options: Any
    ) -> spead2.send.Stream:
        return open_stream(name, endpoints, options)

    transport = TRANSPORTS[name]
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{transport.summary}

    Parameters
    ----------
    endpoints
        {transport.endpoints}
    OPTIONS

    Raises
    ------
    ValueError, OSError, RuntimeError
        If an argument makes no sense; if the operating system or the peer refuses; if a host name
        is not known, or what the transport needs is not on this machine.
    """
    return takes(transport.all_options)(function)


udp, tcp, ibv = map(_function_of, TRANSPORTS)
