# SPDX-License-Identifier: Apache-2.0
"""Looks for circles in what uses what."""

from __future__ import annotations

from collections.abc import Mapping, Set


def no_circle_in(uses: Mapping[str, Set[str]], verb: str) -> None:
    """Fail if something comes back to itself, and say by which way."""
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, f" {verb} ".join((*way[way.index(name) :], name))
        if name in done:
            return
        for other in sorted(uses.get(name, ())):
            visit(other, (*way, name))
        done.add(name)

    for name in sorted(uses):
        visit(name, ())
