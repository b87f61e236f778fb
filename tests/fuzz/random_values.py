# SPDX-License-Identifier: Apache-2.0
"""Arguments for random calls: usual ones, extreme ones, wrong ones, and some that call back."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import Any

import numpy as np

INTEGERS = [0, 1, 2, 3, 7, 8, 16, 40, 64, 255, 1472, 4096, 65536, 2**31, 2**32, 2**40, 2**48]
INTEGERS += [2**63 - 1, 2**63, 2**64 - 1, 2**64, -1, -2, -(2**31), -(2**63), -(2**64)]
REALS = [0.0, 1.0, -1.0, 0.5, 1e-300, 1e300, 1e9, float("inf"), float("-inf"), float("nan")]
TEXTS = ["", "x", "name", "stale", "all", "none", "first", "every", "C", "F", "=", "<", ">", "|"]
TEXTS += ["\N{DEGREE SIGN}", "\0", "127.0.0.1", "::1", "localhost", "a" * 5000, "\ud800", "{}"]
DTYPES = ["u1", "<u2", ">i4", "<f4", ">f8", "c8", ">c16", "b1", "S3", "U2", "V5", "M8[s]"]
FORMATS = [[("u", 8)], [("i", 12)], [("f", 32)], [("c", 8)], [("u", 4), ("b", 1), ("i", 3)]]
FORMATS += [[("u", 48)], [("u", 100)], [("x", 3)], [], [("f", 17)]]


class CallsBack:
    """An object whose conversions do something else first, as a user's may."""

    def __init__(self, action: Callable[[], object], answer: Any) -> None:
        self._action = action
        self._answer = answer

    def _call(self) -> Any:
        with contextlib.suppress(Exception):
            self._action()
        return self._answer

    def __index__(self) -> int:
        return int(self._call())

    def __float__(self) -> float:
        return float(self._call())

    def __len__(self) -> int:
        return abs(int(self._call())) % 100

    def __getitem__(self, key: object) -> Any:
        return self._call()

    def __iter__(self) -> Any:
        return iter([self._call()])

    def __eq__(self, other: object) -> bool:
        return bool(self._call())

    def __hash__(self) -> int:
        return int(self._call())


class RandomValues:
    """Draws arguments.

    Parameters
    ----------
    choose
        Gives any of the objects that there are.
    action
        What objects that call back do.
    """

    def __init__(
        self, source: random.Random, choose: Callable[[], Any], action: Callable[[], object]
    ) -> None:
        self._random = source
        self._choose = choose
        self._action = action

    def array(self) -> Any:
        """Return an array of numpy, maybe one that is not contiguous."""
        shape = [self._random.randrange(5) for _ in range(self._random.randrange(3))]
        size = int(np.prod(shape, dtype=int))
        dtype = np.dtype(self._random.choice(DTYPES))
        array = np.frombuffer(bytes(size * dtype.itemsize), dtype).reshape(shape).copy()
        if array.ndim and self._random.random() < 0.3:
            array = array[::-1] if self._random.random() < 0.5 else array.T
        return array

    def description(self) -> dict[str, Any]:
        """Return what describes an item, nearly always well."""
        value = self.array() if self._random.random() < 0.8 else self.anything()
        shape = getattr(value, "shape", ())
        arguments = {
            "id": self._random.choice([None, 0x1000, 0x1001, 0x1002, 0x7FFF]),
            "name": self._random.choice(["a", "b", "c"]),
            "description": "",
            "shape": shape,
            "dtype": getattr(value, "dtype", np.dtype("u1")),
            "order": self._random.choice("CCCF"),
            "value": value,
        }
        if self._random.random() < 0.3:
            arguments.update(dtype=None, format=self._random.choice(FORMATS), order="C")
            arguments["value"] = self._random.choice([0, 5, -1, b"x", [1, 2], "text", None])
            arguments["shape"] = self._random.choice([(), (2,), (None,), (3, None)])
        if self._random.random() < 0.1:
            arguments[self._random.choice(list(arguments))] = self.anything()
        return arguments

    def anything(self, depth: int = 2) -> Any:
        """Return any value at all."""
        kind = self._random.randrange(14 if depth else 8)
        if kind < 2:
            return self._random.choice(INTEGERS)
        if kind == 2:
            return self._random.choice(REALS)
        if kind == 3:
            return self._random.choice(TEXTS)
        if kind == 4:
            return self._random.choice([None, True, False, b"", bytes(100), bytearray(5), object()])
        if kind < 8:
            return self._choose()
        if kind == 8:
            return self.array()
        if kind == 9:
            return CallsBack(self._action, self._random.choice(INTEGERS[:12]))
        if kind == 10:
            return self._random.choice([int, list, np.dtype("f4"), range(3), memoryview(b"abc")])
        count = self._random.randrange(4)
        if kind == 11:
            return {self.anything(0) if count else 1: self.anything(depth - 1)} if count else {}
        return self._random.choice([list, tuple])(self.anything(depth - 1) for _ in range(count))
