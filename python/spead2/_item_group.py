# SPDX-License-Identifier: Apache-2.0
"""ItemGroup: which items there are, and what is learnt of them from received heaps."""

from __future__ import annotations

import logging
import math
import operator
import time
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Sequence, ValuesView
from typing import Any

import numpy.typing as npt

from . import _spead2
from ._items import Item, qualified_name
from ._templates import make_item

_logger = logging.getLogger("spead2")

# What the description of an item costs beside its texts, and may cost for each item of a group.
_FIXED_BYTES = 1024
_BYTES_AN_ITEM = 4096


class _BoundedLog:
    """Messages about what a sender does, of which at most so many are written a second."""

    _PER_SECOND = 100

    def __init__(self) -> None:
        self._begin = -math.inf
        self._written = 0
        self._left_out = 0

    def __call__(self, level: int, message: str, *args: object) -> None:
        now = time.monotonic()
        if now - self._begin >= 1.0:
            self._begin = now
            self._written = 0
        if self._written >= self._PER_SECOND:
            self._left_out += 1
            return
        self._written += 1
        left_out, self._left_out = self._left_out, 0
        if left_out:
            _logger.warning("%d more log messages of an item group were left out", left_out)
        _logger.log(level, message, *args)

    def warn(self, message: str, *args: object) -> None:
        self(logging.WARNING, message, *args)


class ItemGroup:
    """Items that are found by ID or by name.

    Iteration goes over the names, in the order in which the items were added.

    Parameters
    ----------
    max_items : int
        Items from which on :meth:`update` takes no new ones: a sender may describe ever more. Their
        descriptions together can have 4 KiB for each of these items. :meth:`add_item` has no limit.
    """

    #: Default for `max_items`.
    DEFAULT_MAX_ITEMS = 16384

    def __init__(self, *, max_items: int = DEFAULT_MAX_ITEMS) -> None:
        number = operator.index(max_items)
        if number < 0:
            raise ValueError(f"max_items is {number}, but must be at least 0")
        self._by_id: dict[int, Item] = {}
        self._by_name: dict[str, Item] = {}
        self._first_free_id = _spead2.FIRST_FREE_ID  # or below the first free one
        self._max_items = number
        self._bytes_described = 0  # bytes of the descriptions that update() took
        self._refused = 0
        self._log = _BoundedLog()

    @property
    def max_items(self) -> int:
        """Items from which on :meth:`update` takes no new ones."""
        return self._max_items

    @property
    def refused_items(self) -> int:
        """Descriptions that :meth:`update` left out because of `max_items`."""
        return self._refused

    def add_item(
        self,
        id: int | None,
        name: str,
        description: str,
        shape: Iterable[int | None],
        dtype: npt.DTypeLike | None = None,
        order: str = "C",
        format: Sequence[tuple[str, int]] | None = None,
        *,
        value: Any = None,
    ) -> Item:
        """Add an item. The parameters are those of :class:`Item`.

        If the group has an item of the same description, that is kept and takes over `value` if
        it is not None. Any other item of the same ID or name is dropped, and the new one's version
        is higher than those of the dropped.

        Parameters
        ----------
        id : int or None
            Item ID; None: the lowest free one from 0x1000.

        Returns
        -------
        Item
            The item that is now in the group.

        Raises
        ------
        ValueError, TypeError
            As :class:`Item`.
        """
        if id is None:
            while self._first_free_id in self._by_id:
                self._first_free_id += 1
            id = self._first_free_id
        item = make_item(id, name, description, shape, dtype, order, format)
        if value is not None:
            item._set_first_value(value)
        if id in self._by_id or name in self._by_name:
            self._add(item)
            return self._by_id[item.id]
        self._by_id[item.id] = item
        self._by_name[item.name] = item
        return item

    def update(self, heap: Any, new_order: str = "=") -> dict[str, Item]:
        """Take over descriptors and values of a received heap.

        A description that differs from the one that an item has makes a new item in its place.
        Values of items that are not described are left out, with a warning, and so are
        descriptions beyond `max_items`.

        Parameters
        ----------
        heap : spead2.recv.Heap
        new_order : str
            Byte order of arrays, as numpy.dtype.newbyteorder() takes it; "=" is this machine's.

        Returns
        -------
        dict
            From name to item, for the items whose values were in the heap. Their versions go up
            by 2 each time.

        Raises
        ------
        ValueError
            If a description or value cannot be. UnicodeDecodeError, which is one, for a text that
            is not ASCII. What was taken over before stays.
        """
        descriptors = heap.get_descriptors()
        if descriptors:
            flavour = heap.flavour
            for raw_descriptor in descriptors:
                self._describe(Item.from_raw(raw_descriptor, flavour), raw_descriptor)
        return _spead2.update_items(self._by_id, heap, new_order, self._log.warn)

    def _describe(self, item: Item, raw: _spead2.RawDescriptor) -> None:
        """Add an item that was received, if there is room."""
        bytes_of = _FIXED_BYTES + len(raw.name) + len(raw.description) + len(raw.numpy_header)
        bytes_of += 32 * (len(raw.shape) + len(raw.format))
        dropped = self._alike(item)
        described = self._bytes_described + bytes_of - sum(old._described_bytes for old in dropped)
        too_many = not dropped and len(self._by_name) >= self._max_items
        if too_many or described > self._max_items * _BYTES_AN_ITEM:
            self._refused += 1
            self._log.warn(
                "description of item %#x left out: the group has %d items with descriptions of %d"
                " bytes, and max_items is %d",
                item.id,
                len(self._by_name),
                self._bytes_described,
                self._max_items,
            )
            return
        self._add(item)
        if self._by_id.get(item.id) is item:
            item._described_bytes = bytes_of
            self._bytes_described += bytes_of

    def _alike(self, item: Item) -> list[Item]:
        """Return the items that have the ID or name of this one."""
        first, second = self._by_id.get(item.id), self._by_name.get(item.name)
        found = [] if first is None else [first]
        if second is not None and second is not first:
            found.append(second)
        return found

    def _add(self, item: Item) -> None:
        dropped = self._alike(item)
        if len(dropped) == 1 and dropped[0]._content() == item._content():
            if item.value is not None:
                dropped[0].value = item.value
            return
        if dropped:
            self._log(
                logging.INFO,
                "Descriptor replacement for ID %#x, name %s",
                item.id,
                _shortened(item.name),
            )
        for old in dropped:
            item.version = max(item.version, old.version + 1)
            self._drop(old)
        self._by_id[item.id] = item
        self._by_name[item.name] = item

    def _drop(self, item: Item) -> None:
        self._bytes_described -= item._described_bytes
        _remove(self._by_id, item.id, item)
        _remove(self._by_name, item.name, item)
        if item.id >= _spead2.FIRST_FREE_ID:
            self._first_free_id = min(self._first_free_id, item.id)

    def __getitem__(self, key: int | str) -> Item:
        """Find an item by ID or name; KeyError if there is none."""
        if isinstance(key, str):
            return self._by_name[key]
        return self._by_id[key]

    def __contains__(self, key: object) -> bool:
        """Tell whether there is an item of this ID or name."""
        return key in self._by_name or key in self._by_id

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._by_name)

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self._by_name)

    def keys(self) -> KeysView[str]:
        """Return the names."""
        return self._by_name.keys()

    def ids(self) -> KeysView[int]:
        """Return the IDs."""
        return self._by_id.keys()

    def values(self) -> ValuesView[Item]:
        """Return the items."""
        return self._by_name.values()

    def items(self) -> ItemsView[str, Item]:
        """Return pairs of name and item."""
        return self._by_name.items()

    def __repr__(self) -> str:
        """Show the names."""
        names = ", ".join(map(repr, list(self._by_name)[:8]))
        more = ", ..." if len(self) > 8 else ""
        return f"<{qualified_name(self)} of {len(self)} items: {names}{more}>"


def _remove(table: dict[Any, Item], key: object, item: Item) -> None:
    """Remove an item, even if its ID or name was changed since it was added."""
    if type(key) in (int, str) and table.get(key) is item:
        del table[key]
        return
    for found in [other for other, value in table.items() if value is item]:
        del table[found]


def _shortened(text: str) -> str:
    return text if len(text) <= 256 else f"{text[:256]}..."


_spead2._set_item_group_class(ItemGroup)
ItemGroup.__module__ = "spead2"
