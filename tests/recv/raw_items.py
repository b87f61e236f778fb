# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for what a stream gives: items and heaps of given bytes, for tests without a stream."""

from __future__ import annotations

import dataclasses
from typing import Any

import spead2


class Addressed(bytearray):
    """An item whose bytes are part of a payload."""

    is_immediate = False
    id = 0


class Immediate(Addressed):
    """An item whose bytes are the address field of its pointer."""

    is_immediate = True


def immediate(value: int, address_bytes: int = 5) -> Immediate:
    return Immediate(value.to_bytes(address_bytes, "big"))


def numbered(identifier: int, raw: Addressed) -> Addressed:
    raw.id = identifier
    return raw


@dataclasses.dataclass
class Heap:
    """What ItemGroup.update() needs of a heap."""

    items: list[Any] = dataclasses.field(default_factory=list)
    descriptors: list[Any] = dataclasses.field(default_factory=list)
    flavour: spead2.Flavour = dataclasses.field(default_factory=spead2.Flavour)

    def get_items(self) -> list[Any]:
        return self.items

    def get_descriptors(self) -> list[Any]:
        return self.descriptors


def describe(
    shape: Any = (), dtype: Any = None, order: str = "C", format: Any = None, **others: Any
) -> spead2.Item:
    arguments: dict[str, Any] = {"id": 0x50, "name": "nm", "description": "", **others}
    return spead2.Item(**arguments, shape=shape, dtype=dtype, order=order, format=format)
