# SPDX-License-Identifier: GPL-3.0-or-later
"""The transports by name: each makes a stream that one sink or several send on.

They are those of the engine's table that go to endpoints; what they are called, their arguments and
their options are said there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import spead2
import spead2.send
from spead2 import _spead2

from ._checks import whole
from ._options import STREAM, Option, rows_of, split, takes
from .spead2_python import QUEUE_HEAPS

EndpointLike = tuple[str, int]


@dataclasses.dataclass(frozen=True)
class Transport:
    """A row of the engine's table, and what it is made from beside endpoints."""

    row: Any
    configuration: str  #: the class that takes its options; "": the stream itself
    options: tuple[Option, ...]

    @property
    def stream_options(self) -> list[Option]:
        """Options of its stream, with the defaults that suit a flowgraph."""
        defaults = {"max_packet_size": self.row.packet_size, "max_heaps": QUEUE_HEAPS}
        return [dataclasses.replace(o, default=defaults.get(o.name, o.default)) for o in STREAM]

    @property
    def all_options(self) -> list[Option]:
        """Options of the stream and its own."""
        return [*self.stream_options, *self.options]

    def make(self, config: spead2.send.StreamConfig, **arguments: Any) -> spead2.send.Stream:
        """Make a stream with a thread of its own."""
        kind: Any = getattr(spead2.send, self.row.stream)
        if self.configuration:
            configuration = getattr(spead2.send, self.configuration)(**arguments)
            made = kind(spead2.ThreadPool(), config, configuration)
        else:
            made = kind(thread_pool=spead2.ThreadPool(), config=config, **arguments)
        assert isinstance(made, spead2.send.Stream)
        return made


def _of_row(row: Any) -> Transport:
    """Return the transport of a row of the engine's table."""
    arguments = [Option(*a) for a in row.arguments if a[0] != "endpoints"]
    configuration = row.stream.replace("Stream", "Config")
    if configuration not in _spead2.OPTIONS:
        configuration = ""
    return Transport(row, configuration, (*arguments, *rows_of(configuration or row.stream)))


TRANSPORTS = {
    name: _of_row(row)
    for name, row in _spead2.TRANSPORTS.items()
    if any(argument[0] == "endpoints" for argument in row.arguments)
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
    largest = transport.row.largest_packet
    if largest and config.max_packet_size // 8 * 8 > largest:
        raise ValueError(
            f"max_packet_size is {config.max_packet_size}, but a packet of {name} has at most "
            f"{largest} bytes"
        )
    # What is not set is left to the stream, whose forms differ by what is given.
    own = {k: v for k, v in own.items() if v is not None and v != ""}
    return transport.make(config, endpoints=to_endpoints(endpoints), **own)


def _function_of(name: str) -> Callable[..., spead2.send.Stream]:
    """Return the function that makes the stream of a transport."""

    def function(
        endpoints: EndpointLike | Iterable[EndpointLike], **options: Any
    ) -> spead2.send.Stream:
        return open_stream(name, endpoints, options)

    row = TRANSPORTS[name].row
    about = next(text for argument, _, _, text, _ in row.arguments if argument == "endpoints")
    many = "" if row.one_endpoint else ", or a list of those"
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{row.label}: make a stream for a sink, with a thread of its own.

    {row.text.splitlines()[0]}

    Parameters
    ----------
    endpoints
        (host, port){many}. {about}
    OPTIONS

    Raises
    ------
    ValueError, OSError, RuntimeError
        If an argument makes no sense; if the operating system or the peer refuses; if a host name
        is not known, or what the transport needs is not on this machine.
    """
    return takes(TRANSPORTS[name].all_options)(function)


#: The function of each.
FUNCTIONS = {name: _function_of(name) for name in TRANSPORTS}
