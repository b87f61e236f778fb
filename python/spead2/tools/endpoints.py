# SPDX-License-Identifier: Apache-2.0
"""Texts of the command line that name a host and port."""

from __future__ import annotations


def parse_endpoint(text: str) -> tuple[str, int]:
    """Return the host and port of "host:port"; an IPv6 address may stand in brackets.

    Raises
    ------
    ValueError
        If there is no host, or no port between 0 and 65535.
    """
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not colon or not host:
        raise ValueError(f"{text!r} is not of the form HOST:PORT")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"the port of {text!r} is not a number from 0 to 65535")
    return host, int(port)
