# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments as C++ takes them; errors name the one that is wrong."""

from __future__ import annotations

import numbers
import operator
from typing import Any, Union

import numpy as np

Value = Union[int, float, str]


def whole(name: str, value: Any, least: int = -(2**63), most: int = 2**63 - 1) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}, but must be a whole number (int)") from None
    if number < least:
        raise ValueError(f"{name} is {number}, but must be at least {least}")
    if number > most:
        raise ValueError(f"{name} is {number}, but must be at most {most}")
    return number


def number(name: str, value: Any) -> float:
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is {value!r}, but must be a number")
    return float(value)


def scalar_value(name: str, value: Any) -> Value:
    """Make Python's own of numpy's numbers, so that no fraction gets lost on the way."""
    if isinstance(value, (numbers.Integral, np.bool_)):
        return whole(name, int(value), most=2**64 - 1)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, str):
        return value
    raise TypeError(f"{name} is {value!r}, but must be a number or a str")
