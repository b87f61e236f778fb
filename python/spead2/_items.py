# SPDX-License-Identifier: Apache-2.0
"""Descriptor, Item and ItemGroup: what items are and which there are, not how they are sent."""

from __future__ import annotations

import logging
import math
import operator
import reprlib
import time
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Sequence, ValuesView
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from . import _decoding, _encoding, _spead2

if TYPE_CHECKING:
    from typing_extensions import Self

_logger = logging.getLogger("spead2")

_ATTRIBUTES = ("id", "name", "description", "shape", "dtype", "order", "format")

# What the description of an item costs beside its texts, and may cost for each item of a group.
_FIXED_BYTES = 1024
_BYTES_AN_ITEM = 4096


class Descriptor(_spead2.DescriptorBase):
    """Description of an item.

    The arguments are attributes too. They may be changed; what is in a heap already stays as it
    was.

    Parameters
    ----------
    id : int
        Item ID, from 1 to 2**(63 - heap_address_bits) - 1 of the flavour it is used with.
    name : str
        Short name, ASCII.
    description : str
        Longer text, ASCII.
    shape : iterable of int or None
        Dimensions. One may be None: its size is known from the value only (needs `format`).
    dtype : numpy data type, optional
        Type of the elements. Either this or `format` must be given.
    order : {'C', 'F'}
        Which index runs fastest: the last or the first (needs `dtype`).
    format : sequence of (str, int), optional
        Fields of one element: a code and a number of bits. Codes are u (unsigned), i (signed), f
        (real; 32 or 64 bits), b (truth value) and c (character; 8 bits). All are big-endian, of at
        most 2**24 - 1 bits.

    Raises
    ------
    ValueError
        If the arguments contradict each other or describe nothing that can be sent.
    TypeError
        If an argument is of the wrong type.
    """

    def __init__(
        self,
        id: int,
        name: str,
        description: str,
        shape: Iterable[int | None],
        dtype: npt.DTypeLike | None = None,
        order: str = "C",
        format: Sequence[tuple[str, int]] | None = None,
    ) -> None:
        _check_texts(id, name, description)
        self.id = int(operator.index(id))
        self.name = name
        self.description = description
        self.shape = _encoding.check_shape(shape)
        self.dtype = None if dtype is None else _encoding.check_dtype(dtype)
        self.order = order
        if format is not None and not isinstance(format, Iterable):
            raise TypeError(f"format must be a sequence of pairs, not {format!r}")
        self.format = format if format is None else list(format)
        self._prepare()

    def _prepare(self) -> None:
        """Work out the encoding. The extension module calls it after an attribute was set."""
        shape = _encoding.check_shape(self.shape)
        order = self.order
        if order not in ("C", "F"):
            raise ValueError(f"Order must be 'C' or 'F', not {order!r}")
        if self.dtype is not None:
            if self.format is not None:
                raise ValueError(
                    "Only one of dtype and format can be specified, "
                    f"not dtype {self.dtype} and format {self.format}"
                )
            if None in shape:
                raise ValueError(
                    "Cannot have unknown dimensions when using numpy descriptor: "
                    f"shape is {shape}, use format instead of dtype"
                )
            fields: list[tuple[str, int]] = []
            layout = _encoding.dtype_layout(_encoding.check_dtype(self.dtype))
        elif self.format is None:
            raise ValueError("One of dtype and format must be specified")
        else:
            if order != "C":
                raise ValueError(f"When specifying format, order must be 'C', not {order!r}")
            fields = _encoding.check_format(self.format)
            layout = _encoding.format_layout(fields, not shape)
        self._set_encoding(
            layout.kind,
            layout.dtype,
            layout.bits,
            shape,
            order == "F",
            layout.number,
            layout.big_endian,
            (layout, fields),
        )

    def _numpy_header(self, swap: bool) -> str:
        return _encoding.numpy_header(
            np.dtype(self.dtype), self.order, _encoding.check_shape(self.shape), swap
        )

    def to_raw(self, flavour: _spead2.Flavour) -> _spead2.RawDescriptor:
        """Return the description as it is in a heap.

        Parameters
        ----------
        flavour : Flavour
            Of the heap; only its `bug_compat` matters.

        Returns
        -------
        RawDescriptor

        Raises
        ------
        UnicodeEncodeError
            If name or description are not ASCII.
        """
        raw = _spead2.RawDescriptor()
        raw.id = self.id
        raw.name = self.name.encode("ascii")
        raw.description = self.description.encode("ascii")
        raw.shape = _encoding.check_shape(self.shape)
        if self.dtype is not None:
            swap = bool(flavour.bug_compat & _spead2.BUG_COMPAT_SWAP_ENDIAN)
            raw.numpy_header = self._numpy_header(swap).encode("ascii")
        elif self.format is not None:
            raw.format = _encoding.check_format(self.format)
        return raw

    @classmethod
    def from_raw(cls, raw_descriptor: _spead2.RawDescriptor, flavour: _spead2.Flavour) -> Self:
        """Make sense of a description that was received.

        Parameters
        ----------
        raw_descriptor : RawDescriptor
        flavour : Flavour
            Of the heap that had it; only its `bug_compat` matters.

        Returns
        -------
        Descriptor
            Of the class that the method is called on.

        Raises
        ------
        ValueError
            If there can be no such item. UnicodeDecodeError, which is one, if a text is not ASCII.
        """
        name = raw_descriptor.name.decode("ascii")
        description = raw_descriptor.description.decode("ascii")
        if raw_descriptor.numpy_header:
            swap = bool(flavour.bug_compat & _spead2.BUG_COMPAT_SWAP_ENDIAN)
            header = _decoding.parse_numpy_header(raw_descriptor.numpy_header, swap)
            return cls(
                raw_descriptor.id, name, description, header.shape, header.dtype, header.order
            )
        return cls(
            raw_descriptor.id,
            name,
            description,
            raw_descriptor.shape,
            format=_decoding.check_raw_format(raw_descriptor.format),
        )

    def _content(self) -> tuple[Any, ...]:
        """Return what a receiver is told, to be compared."""
        dtype = None if self.dtype is None else self._numpy_header(False)
        fields = None if self.format is None else tuple(_encoding.check_format(self.format))
        shape = _encoding.check_shape(self.shape)
        return (self.id, self.name, self.description, shape, dtype, self.order, fields)

    def dynamic_shape(self, max_elements: int) -> Sequence[int]:
        """Find the largest shape of at most so many elements.

        Parameters
        ----------
        max_elements : int
            Limit for the number of elements. Without effect if the shape has no unknown
            dimension.

        Returns
        -------
        sequence of int
            The shape, its unknown dimension replaced by a size.
        """
        known = 1
        for size in self.shape:
            if size is not None:
                known *= size
        if not self.is_variable_size():
            return tuple(size for size in self.shape if size is not None)
        unknown = max_elements // known if known else 0
        return [unknown if size is None else size for size in self.shape]

    def compatible_shape(self, shape: Sequence[int]) -> bool:
        """Tell whether a value may have this shape.

        Parameters
        ----------
        shape : sequence of int

        Returns
        -------
        bool
        """
        return len(shape) == len(self.shape) and all(
            expected is None or expected == size for expected, size in zip(self.shape, shape)
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return all attributes, for pickle and copy."""
        state = dict(self.__dict__)
        for name in _ATTRIBUTES:
            state[name] = getattr(self, name)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore all attributes."""
        for name, value in state.items():
            setattr(self, name, value)

    def __repr__(self) -> str:
        """Show ID, name, shape and type."""
        return f"<{_qualified_name(self)} {_summary(self)}>"


class Item(Descriptor, _spead2.ItemBase):
    """A descriptor with a value.

    Parameters
    ----------
    *args, **kwargs
        As for :class:`Descriptor`.
    value : object, optional
        First value, anything that numpy can make an array of the described type and shape of. A
        str or bytes given for a one-dimensional item is split into characters. A single unsigned
        number of a format with 24, 40, 48 or 56 bits wraps: its low bits are sent. Other numbers
        that do not fit are refused when the value is encoded.

    Attributes
    ----------
    value : object
        None until it is set; it cannot be set to None (ValueError).
    version : int
        Starts at 1; setting `value` raises it by 1.
    """

    _described_bytes = 0  # of a description that came with a heap

    def __init__(self, *args: Any, value: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._set_first_value(value)

    def to_buffer(self) -> Any:
        """Encode the value.

        Returns
        -------
        object
            With the buffer protocol. It is or shares memory with the value where that has the
            right type and layout.

        Raises
        ------
        ValueError
            If there is no value, or it does not fit shape or format.
        OverflowError
            If a number does not fit its type.
        """
        value = self.value
        if value is None:
            raise ValueError(f"Cannot send a value of None: item {self.name!r} has no value")
        layout, fields = self._plan  # evaluates the attributes if they were changed
        shape = self.shape
        try:
            return _encoding.encode(value, layout, fields, shape, self._array_order)
        except (ValueError, OverflowError, TypeError) as error:
            _add_item(error, self.name, value)
            raise
        except RuntimeError as error:  # what numpy says of some conversions of times
            raise ValueError(
                f"{error} (item {self.name!r}, value {reprlib.repr(value)})"
            ) from error

    def set_from_raw(self, raw_item: Any, new_order: str = "=") -> None:
        """Set the value to what was received; `version` goes up by 1.

        Arrays refer to the memory of `raw_item` where the byte order allows it, else they have
        memory of their own. The memory is never changed.

        Parameters
        ----------
        raw_item : RawItem
            Or anything that has the buffer protocol and the attribute `is_immediate`.
        new_order : str
            Byte order of the value, where it is one of numpy's arrays:
            as numpy.dtype.newbyteorder() takes it.

        Raises
        ------
        ValueError
            If the bytes do not suffice for the shape. UnicodeDecodeError, which is one, if a text
            is not ASCII. The value stays as it was.
        """
        _spead2.set_from_raw(self, raw_item, new_order)

    def _decode(self, data: memoryview, is_immediate: bool, new_order: str) -> Any:
        """Decode what the extension module leaves to Python."""
        layout, fields = self._plan
        shape = self.shape
        try:
            return _decoding.decode(
                data, is_immediate, layout, fields, shape, self._array_order, new_order
            )
        except _decoding.TooFewError as error:
            raise ValueError(f"Item {self.name} has {error}") from None

    @property
    def _array_order(self) -> Literal["C", "F"]:
        return "F" if self.order == "F" else "C"

    def __getstate__(self) -> dict[str, Any]:
        """Return all attributes, for pickle and copy."""
        state = super().__getstate__()
        state["_value"] = self.value
        state["version"] = self.version
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore all attributes."""
        state = dict(state)
        self._set_first_value(state.pop("_value"))
        super().__setstate__(state)

    def __repr__(self) -> str:
        """Show the descriptor, version and whether there is a value."""
        value = "no value" if self.value is None else f"version {self.version}"
        return f"<{_qualified_name(self)} {_summary(self)}, {value}>"


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
        item = _make_item(id, name, description, shape, dtype, order, format)
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
        return f"<{_qualified_name(self)} of {len(self)} items: {names}{more}>"


#: Descriptors by what they are but for ID, name and description: groups have many alike.
_templates: dict[Any, Descriptor] = {}
_MAX_TEMPLATES = 256
_SCALAR_TYPES = frozenset([bool, int, float, complex, *np.sctypeDict.values()])


def _template(shape: Any, dtype: Any, order: Any, format: Any) -> Descriptor | None:
    """Return a descriptor of this kind to be copied; None unless it is a plain one."""
    if type(shape) is not tuple or type(order) is not str:
        return None
    for size in shape:  # 1 == 1.0 == True
        if type(size) is not int and size is not None:
            return None
    if format is not None:
        if type(format) is not list and type(format) is not tuple:
            return None
        for field in format:
            if type(field) is not tuple or len(field) != 2:
                return None
            if type(field[0]) is not str or type(field[1]) is not int:
                return None
        format = tuple(format)
    if dtype is not None and type(dtype) is not str:
        if isinstance(dtype, np.dtype):
            if dtype.metadata is not None:
                return None
        elif not isinstance(dtype, type) or dtype not in _SCALAR_TYPES:
            return None
    key = (shape, dtype, order, format)
    found = _templates.get(key)
    if found is None:
        found = Descriptor(1, "", "", shape, dtype, order, format)
        if len(_templates) >= _MAX_TEMPLATES:
            _templates.clear()
        _templates[key] = found
    return found


def _make_item(
    id: Any, name: Any, description: Any, shape: Any, dtype: Any, order: Any, format: Any
) -> Item:
    """Make an item without a value; as Item() does it, but quicker for one like others before."""
    if type(id) is int and type(name) is str and type(description) is str:
        template = _template(shape, dtype, order, format)
        if template is not None:
            item = Item.__new__(Item)
            item._describe_as(template, id, name, description)
            return item
    return Item(id, name, description, shape, dtype, order, format)


def _check_texts(id: object, name: object, description: object) -> None:
    if not hasattr(id, "__index__"):
        raise TypeError(f"id must be an int, not {id!r}")
    for text, what in ((name, "name"), (description, "description")):
        if not isinstance(text, str):
            raise TypeError(f"{what} must be a str, not {text!r}")


def _remove(table: dict[Any, Item], key: object, item: Item) -> None:
    """Remove an item, even if its ID or name was changed since it was added."""
    if type(key) in (int, str) and table.get(key) is item:
        del table[key]
        return
    for found in [other for other, value in table.items() if value is item]:
        del table[found]


def _shortened(text: str) -> str:
    return text if len(text) <= 256 else f"{text[:256]}..."


def _qualified_name(instance: object) -> str:
    return f"{type(instance).__module__}.{type(instance).__qualname__}"


def _summary(descriptor: Descriptor) -> str:
    kind = descriptor.dtype if descriptor.format is None else descriptor.format
    number = descriptor.id
    shown = f"{number:#x}" if isinstance(number, int) else repr(number)
    return f"{shown} {descriptor.name!r}, shape {descriptor.shape}, {kind}"


def _add_item(error: Exception, name: str, value: object) -> None:
    """Say in an error which item it is about, and the value: numpy does not always."""
    if len(error.args) == 1 and isinstance(error.args[0], str):
        try:
            shown = reprlib.repr(value)
        except ValueError:  # an int of more digits than Python converts
            shown = f"of type {type(value).__name__}"
        error.args = (f"{error.args[0]} (item {name!r}, value {shown})",)


_spead2._set_item_class(Item)
_spead2._set_item_group_class(ItemGroup)
for _public in (Descriptor, Item, ItemGroup):
    _public.__module__ = "spead2"
