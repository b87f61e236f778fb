# SPDX-License-Identifier: GPL-3.0-or-later
"""A block that answers Prometheus with what other blocks count."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from wsgiref.simple_server import WSGIServer

import pmt  # type: ignore[import-untyped]
from gnuradio import gr  # type: ignore[attr-defined]

from spead2.tools.prometheus import serve

#: What goes up and down; everything else that is a number only grows.
GAUGES = frozenset({"queue_length", "rate"})


class _Page:
    """A collector of prometheus_client: the last dictionary of each block."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, dict[str, Any]] = {}

    def set(self, block: str, counts: Any) -> None:
        """Keep what a block tells."""
        told = pmt.to_python(counts)
        if isinstance(told, dict):
            with self._lock:
                self._counts[block] = told

    def collect(self) -> Iterator[Any]:
        """Return a family for each number that some block counts."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        with self._lock:
            told = dict(self._counts)
        families: dict[str, Any] = {}
        for block, counts in told.items():
            for name, value in counts.items():
                if isinstance(value, bool) or not isinstance(value, (int, float)):
                    continue  # the last error is a text
                if name not in families:
                    kind = GaugeMetricFamily if name in GAUGES else CounterMetricFamily
                    words = name.replace("_", " ")
                    families[name] = kind(f"spead2_{name}", words, labels=["block"])
                families[name].add_metric([block], value)
        yield from families.values()


class _PrometheusCounters(gr.sync_block):  # type: ignore[misc]
    """Takes dictionaries at its message ports, and has a server that tells them."""

    def __init__(self, port: int, names: Sequence[str], address: str) -> None:
        gr.sync_block.__init__(self, "prometheus_counters", None, None)
        page = _Page()
        self.port = -1
        if port >= 0:
            server = serve(page, port, address)
            self.port = server.server_port
            end = weakref.finalize(self, _end, server)
            end.atexit = False  # type: ignore[misc]
        for index, name in enumerate(names):
            key = pmt.intern("stats" if len(names) == 1 else f"stats{index}")
            self.message_port_register_in(key)
            # GNU Radio finds handlers by their names, among the block's attributes.
            handler = _handler(page, name, f"take{index}")
            setattr(self, handler.__name__, handler)
            self.set_msg_handler(key, handler)


def _handler(page: _Page, block: str, name: str) -> Callable[[Any], None]:
    def take(counts: Any) -> None:
        page.set(block, counts)

    take.__name__ = name
    return take


def _end(server: WSGIServer) -> None:
    server.shutdown()
    server.server_close()


def prometheus_counters(
    port: int, names: Iterable[str] = ("spead2",), *, address: str = "127.0.0.1"
) -> Any:
    """Make a block that answers Prometheus with what sinks and sources count.

    Connect the message port ``stats`` of each sink or source to a port of this block, which are
    called ``stats``, or ``stats0``, ``stats1`` and so on if there are several. What a block counts
    is told as ``spead2_heaps_sent_total{block="..."}`` and so on, once a second anew.

    Parameters
    ----------
    port
        TCP port to answer at; 0 for one that the kernel chooses, which the attribute `port` of the
        block tells; -1: answer nobody, so that a program can have it as an option.
    names
        What the blocks are called, one for each port.
    address
        Address to answer at.

    Raises
    ------
    ValueError
        If the port is none, or two names are the same.
    OSError
        If the port or the address cannot be had.
    RuntimeError
        If the package prometheus_client is not installed.
    """
    blocks = [str(name) for name in names]
    if not -1 <= port <= 65535:
        raise ValueError(f"port is {port}, and must be from -1 (answer nobody) to 65535")
    if not blocks or len(set(blocks)) != len(blocks):
        raise ValueError(f"names are {blocks}, and must be one or several different ones")
    return _PrometheusCounters(port, blocks, address)
