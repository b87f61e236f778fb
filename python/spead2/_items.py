# SPDX-License-Identifier: Apache-2.0
"""Descriptor and Item: what items are, not how they are sent."""

from __future__ import annotations

import logging
import operator
import reprlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from . import _decoding, _encoding, _spead2

if TYPE_CHECKING:
    from typing_extensions import Self

_logger = logging.getLogger("spead2")

_ATTRIBUTES = ("id", "name", "description", "shape", "dtype", "order", "format")


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
        return f"<{qualified_name(self)} {_summary(self)}>"


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
        return f"<{qualified_name(self)} {_summary(self)}, {value}>"


def _check_texts(id: object, name: object, description: object) -> None:
    if not hasattr(id, "__index__"):
        raise TypeError(f"id must be an int, not {id!r}")
    for text, what in ((name, "name"), (description, "description")):
        if not isinstance(text, str):
            raise TypeError(f"{what} must be a str, not {text!r}")


def qualified_name(instance: object) -> str:
    """Return the name of its class, with the module."""
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
for _public in (Descriptor, Item):
    _public.__module__ = "spead2"
