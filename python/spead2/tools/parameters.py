# SPDX-License-Identifier: Apache-2.0
"""Types of options that several commands have."""

from __future__ import annotations

import math
from typing import Any

import click

from .endpoints import parse_endpoint

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
