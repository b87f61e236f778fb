# SPDX-License-Identifier: Apache-2.0
"""How commands speak: to people (rich), to scripts (--json), to Prometheus, and by exit codes."""

from __future__ import annotations

import enum
import json
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from .prometheus import serve


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
        self._counters = counters
        self._values = dict.fromkeys(counters, 0.0)
        self.port = None if port is None else serve(self, port, address).server_port

    def set(self, name: str, value: float) -> None:
        """Let a counter stand at a value, which never falls."""
        if name in self._values:
            self._values[name] = max(self._values[name], value)

    def collect(self) -> Iterator[Any]:
        """Return the counters as prometheus_client wants them."""
        from prometheus_client.core import CounterMetricFamily

        for name, text in self._counters.items():
            yield CounterMetricFamily(f"spead2_{name}", text, value=self._values[name])
