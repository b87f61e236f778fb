# SPDX-License-Identifier: Apache-2.0
"""Sends the datagrams of a capture as they are, at their own pace or a multiple of it."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

from ..report import Metrics
from ..sources.files import BadFileError
from ..sources.pcap import read_datagrams


def replay(path: Path, options: dict[str, Any], metrics: Metrics) -> dict[str, Any]:
    """Send a capture's datagrams to each destination; return what was sent."""
    sockets = []
    try:
        for host, port in options["to"]:
            family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            sender = socket.socket(family, kind)
            sockets.append(sender)
            if options["ttl"] is not None and family == socket.AF_INET:
                sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, options["ttl"])
            sender.connect(address)
        return _send(path, sockets, options, metrics)
    finally:
        for sender in sockets:
            sender.close()


def _send(
    path: Path, sockets: list[socket.socket], options: dict[str, Any], metrics: Metrics
) -> dict[str, Any]:
    start = time.monotonic()
    first: float | None = None
    count = size = 0
    try:
        for datagram in _datagrams(path):
            first = datagram.time if first is None else first
            if not options["fast"]:
                due = start + (datagram.time - first) / options["speed"]
                time.sleep(max(0.0, due - time.monotonic()))
            for sender in sockets:
                size += sender.send(datagram.payload)
            count += 1
            metrics.set("sent_bytes", size)
    except KeyboardInterrupt:
        pass
    if count == 0:
        raise BadFileError(f"{path} has no UDP datagram")
    return {"datagrams": count, "bytes": size, "seconds": time.monotonic() - start}


def _datagrams(path: Path) -> Any:
    try:
        yield from read_datagrams(path)
    except ValueError as error:
        raise BadFileError(str(error)) from None
