# SPDX-License-Identifier: Apache-2.0
"""Options that several commands have, and their types."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

from .endpoints import parse_endpoint

Command = TypeVar("Command", bound=Callable[..., Any])

_UNITS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}


class Endpoint(click.ParamType):
    """HOST:PORT."""

    name = "host:port"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Parse the text."""
        try:
            return value if isinstance(value, tuple) else parse_endpoint(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Number(click.ParamType):
    """A number above 0, with k, M or G."""

    name = "number"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Parse the text."""
        if isinstance(value, float):
            return value
        unit = value[-1:] if value[-1:] in ("k", "M", "G") else ""
        try:
            number = float(value[: len(value) - len(unit)]) * _UNITS[unit]
        except ValueError:
            self.fail(f"{value!r} is not a number like 100k, 2.5M or 1G", param, ctx)
        if not (math.isfinite(number) and number > 0):
            self.fail(f"{value!r} is not a number above 0", param, ctx)
        return number


packet_size_option = click.option(
    "--packet-size",
    type=click.IntRange(56, 65507),
    default=1472,
    show_default=True,
    help="Largest packet in bytes, without IP and UDP headers.",
)

joining_interface_option = click.option(
    "--interface", help="Address of the interface on which to join a group."
)


def receive_buffer_option(default: int) -> Callable[[Command], Command]:
    """Return the option of the size of a socket's buffer."""
    return click.option(
        "--buffer",
        type=click.IntRange(1),
        default=default,
        show_default=True,
        help="Receive buffer of the socket in bytes.",
    )


def reporting_options(command: Command) -> Command:
    """Add the options that say how a command that runs for long reports."""
    for option in (
        click.option("--json", is_flag=True, help="Result and log as JSON, a line each."),
        click.option(
            "--log",
            default="warning",
            show_default=True,
            type=click.Choice(["debug", "info", "warning", "error"]),
            help="Log level.",
        ),
        click.option(
            "--prometheus",
            type=click.IntRange(0, 65535),
            metavar="PORT",
            help="Answer Prometheus at this port of the loopback address.",
        ),
    ):
        command = option(command)
    return command
