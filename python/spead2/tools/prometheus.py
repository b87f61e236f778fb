# SPDX-License-Identifier: Apache-2.0
"""A server that answers Prometheus, for commands and for GNU Radio's programs."""

from __future__ import annotations

import socket
import socketserver
import threading
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

#: A client that says nothing for so many seconds is left.
PATIENCE = 10


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: who fetches the counters is not what the program is about."""


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let clients go that break off."""


def serve(collector: Any, port: int, address: str = "127.0.0.1") -> WSGIServer:
    """Answer Prometheus in threads of the background, which end with the program.

    `prometheus_client` has a function for it, but old versions do not tell which port they got.

    Parameters
    ----------
    collector
        What has a method ``collect()`` that returns prometheus_client's families.
    port : int
        TCP port, 0 for one that the kernel chooses.
    address : str
        Address to answer at, IPv4 or IPv6.

    Returns
    -------
    wsgiref.simple_server.WSGIServer
        The server; `server_port` is the port, `shutdown()` and `server_close()` end it.

    Raises
    ------
    RuntimeError
        If the package prometheus_client is not installed.
    OSError
        If the port or the address cannot be had.
    """
    try:
        import prometheus_client
    except ModuleNotFoundError:
        raise RuntimeError(
            "counters for Prometheus need the package prometheus_client: "
            "pip install 'gr-spead2[tools]', or apt install python3-prometheus-client"
        ) from None
    registry = prometheus_client.CollectorRegistry()
    registry.register(collector)
    family, _, _, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    kind = type("Server", (_Server,), {"address_family": family})
    server: WSGIServer = kind(place[:2], _Handler)
    server.set_app(prometheus_client.make_wsgi_app(registry))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
