# SPDX-License-Identifier: GPL-3.0-or-later
"""Options by keyword: passed on to where they are defined, and shown by `help()` and stubs.

The blocks' options are attributes of structures of C++, those of streams rows that the engine's
bindings publish; of those that are passed on, none is named here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from spead2 import _spead2

from .spead2_python import (
    RING_HEAPS,
    HeapSinkOptions,
    HeapSourceOptions,
    PduHeapSinkOptions,
    PduHeapSourceOptions,
)

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Option:
    """An option as `help()` and stubs show it."""

    name: str
    annotation: str
    default: Any
    text: str
    limits: tuple[Any, Any] | None = None

    @property
    def shown_default(self) -> Any:
        """What a signature says: the value where code can say it."""
        if self.default is ...:
            return inspect.Parameter.empty  # it has to be given
        if isinstance(self.default, (int, float, str, type(None))):
            return self.default
        return () if self.default == [] else None


def options_of(kind: Any) -> list[Option]:
    """Read a block's options from their class, a structure of C++."""
    defaults = kind()
    found = []
    for name, annotation in kind.ANNOTATIONS.items():
        text = inspect.getdoc(inspect.getattr_static(kind, name)) or ""
        found.append(Option(name, annotation, getattr(defaults, name), text))
    return found


def rows_of(owner: str, module: Any = _spead2) -> list[Option]:
    """Return the options of a configuration, stream or reader, as C++ lists them."""
    return [Option(*row) for row in module.OPTIONS[owner]]


HEAP_SINK = options_of(HeapSinkOptions)
PDU_HEAP_SINK = options_of(PduHeapSinkOptions)
#: Of any stream.
STREAM = rows_of("StreamConfig")

HEAP_SOURCE = options_of(HeapSourceOptions)
PDU_HEAP_SOURCE = options_of(PduHeapSourceOptions)
#: Of any stream that receives for a source, with the defaults that suit a flowgraph.
RECEIVER = [
    *(
        replace(o, default=RING_HEAPS)
        for o in rows_of("RingStreamConfig", _spead2.recv)
        if o.name == "heaps"
    ),
    *(
        replace(o, default=True) if o.name == "allow_out_of_order" else o
        for o in rows_of("StreamConfig", _spead2.recv)
        if o.name in ("max_heaps", "max_heap_size", "stop_on_stop_item", "allow_out_of_order")
    ),
]


def make(kind: type, values: Mapping[str, Any]) -> Any:
    """Make a structure of options; it checks the values."""
    options = kind()
    for name, value in values.items():
        setattr(options, name, value)
    return options


def split(
    function: str, values: Mapping[str, Any], *groups: Iterable[Option]
) -> list[dict[str, Any]]:
    """Sort `values` into the groups of options that they belong to."""
    names = [{option.name for option in group} for group in groups]
    for name in values:
        if not any(name in group for group in names):
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}")
    return [{k: v for k, v in values.items() if k in group} for group in names]


def takes(*groups: Iterable[Option]) -> Callable[[F], F]:
    """Show the options that a function passes on: in its signature, and in place of OPTIONS."""

    def decorate(function: F) -> F:
        options = [option for group in groups for option in group]
        signature = inspect.signature(function)
        parameters = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        for o in options:
            parameters.append(
                inspect.Parameter(
                    o.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=o.shown_default,
                    annotation=o.annotation,
                )
            )
        function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        text = "\n".join(f"{o.name}\n    {o.text}" for o in options)
        doc = inspect.cleandoc(function.__doc__ or "")
        function.__doc__ = doc.replace("OPTIONS", text)
        return function

    return decorate
