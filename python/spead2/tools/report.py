# SPDX-License-Identifier: Apache-2.0
"""How commands speak: to people (rich), to scripts (--json), to Prometheus, and by exit codes."""

from __future__ import annotations

import enum
import json
import logging
import sys
import time
from collections.abc import Mapping
from typing import Any


class ExitCode(enum.IntEnum):
    """What the commands' exit codes mean."""

    GOOD = 0
    FAULT = 1  #: something on this machine or in the stream is wrong
    USAGE = 2  #: the command line cannot work
    NO_INPUT = 3  #: a file cannot be read, or nothing came from the network
    NETWORK = 4  #: the network refuses what was asked of it


class JsonFormatter(logging.Formatter):
    """Writes a log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        entry = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        return json.dumps(entry)


def set_up_logging(level: str, as_json: bool) -> None:
    """Write log records of the package to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    if as_json:
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def print_json(result: Mapping[str, Any]) -> None:
    """Write the result of a command, one object on one line, to standard output."""
    json.dump(result, sys.stdout)
    sys.stdout.write("\n")
    sys.stdout.flush()


class Metrics:
    """Counters that Prometheus can fetch from a port while a command runs.

    Parameters
    ----------
    port : int or None
        TCP port to answer at, 0 for one that the kernel chooses; None: count nothing.
    address : str
        Address to answer at.
    counters : mapping
        Name of each counter with what it counts; they are called spead2_<name>_total.
    """

    def __init__(self, port: int | None, address: str, counters: Mapping[str, str]) -> None:
        self._counters: dict[str, Any] = {}
        self._last: dict[str, float] = {}
        self.port: int | None = None
        if port is None:
            return
        import prometheus_client

        registry = prometheus_client.CollectorRegistry()
        for name, text in counters.items():
            counter = prometheus_client.Counter(f"spead2_{name}", text, registry=registry)
            self._counters[name] = counter
        server = prometheus_client.start_http_server(port, address, registry)
        # Old versions of the client do not say which port they got.
        self.port = server[0].server_port if server else port

    def set(self, name: str, value: float) -> None:
        """Let a counter stand at a value, which never falls."""
        if name in self._counters:
            self._counters[name].inc(max(0.0, value - self._last.get(name, 0.0)))
            self._last[name] = value
