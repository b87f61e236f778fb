# SPDX-License-Identifier: Apache-2.0
"""Heaps, what they are made from, and the streams that send them."""

from __future__ import annotations

from .. import ItemGroup as _ItemGroup
from .._spead2 import (
    Flavour,
    GroupMode,
    Heap,
    HeapGeneratorBase,
    HeapReference,
    HeapReferenceList,
    PacketGenerator,
    RateMethod,
    Stream,
    StreamConfig,
    SyncStream,
)
from .._spead2 import streams as _streams
from .._spead2.streams import *  # noqa: F403  one for each row of the table of transports

__all__ = [
    "GroupMode",
    "Heap",
    "HeapGenerator",
    "HeapReference",
    "HeapReferenceList",
    "ItemGroup",
    "PacketGenerator",
    "RateMethod",
    "Stream",
    "StreamConfig",
    "SyncStream",
]
__all__ += _streams.__all__


class HeapGenerator(HeapGeneratorBase):
    """Makes heaps of what is new in an item group, and remembers what was sent.

    Parameters
    ----------
    item_group : spead2.ItemGroup or None
        Group to take the items from. None: given with each call, or the generator itself where it
        is a group too.
    descriptor_frequency : int, optional
        Send each descriptor again with every so many heaps; None: only once.
    flavour : spead2.Flavour
        Flavour of the heaps.
    """

    def __init__(
        self,
        item_group: _ItemGroup | None,
        descriptor_frequency: int | None = None,
        flavour: Flavour = Flavour(),  # noqa: B008 immutable
    ) -> None:
        super().__init__(item_group, descriptor_frequency, flavour)

    def __repr__(self) -> str:
        """Show what the heaps are made from."""
        return f"<{type(self).__module__}.{type(self).__qualname__} at {id(self):#x}>"


class ItemGroup(_ItemGroup, HeapGenerator):
    """An item group that makes heaps of itself.

    Parameters
    ----------
    descriptor_frequency : int, optional
        Send each descriptor again with every so many heaps; None: only once.
    flavour : spead2.Flavour
        Flavour of the heaps.
    """

    def __init__(
        self,
        descriptor_frequency: int | None = None,
        flavour: Flavour = Flavour(),  # noqa: B008 immutable
    ) -> None:
        _ItemGroup.__init__(self)
        HeapGenerator.__init__(self, None, descriptor_frequency, flavour)
