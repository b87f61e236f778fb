# SPDX-License-Identifier: GPL-3.0-or-later
"""Options by keyword: passed on to where they are defined, and shown by `help()` and stubs.

The blocks' options are attributes of structures of C++, a stream's those of
:class:`spead2.send.StreamConfig` and :class:`spead2.recv.StreamConfig`; of those that are sent on,
none is named here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import spead2.recv
import spead2.send

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

    @property
    def shown_default(self) -> Any:
        """What a signature says: the value where code can say it."""
        if isinstance(self.default, (int, float, str, type(None))):
            return self.default
        return () if self.default == [] else None


def options_of(kind: type) -> list[Option]:
    """Read what there is from a class with attributes that can be set."""
    defaults = kind()
    annotations = getattr(kind, "ANNOTATIONS", {})
    found = []
    for name in annotations or dir(kind):
        attribute = inspect.getattr_static(kind, name)
        settable = isinstance(attribute, property) and attribute.fset is not None
        if name.startswith("_") or not (settable or inspect.isgetsetdescriptor(attribute)):
            continue
        default = getattr(defaults, name)
        annotation = annotations.get(name, type(default).__name__)
        annotation = "Sequence[Any]" if annotation == "list" else annotation
        found.append(Option(name, annotation, default, inspect.getdoc(attribute) or ""))
    return found


HEAP_SINK = options_of(HeapSinkOptions)
PDU_HEAP_SINK = options_of(PduHeapSinkOptions)
#: Of any stream.
STREAM = [o for o in options_of(spead2.send.StreamConfig) if o.name != "burst_rate"]

HEAP_SOURCE = options_of(HeapSourceOptions)
PDU_HEAP_SOURCE = options_of(PduHeapSourceOptions)
#: Of any stream that receives for a source, with the defaults that suit a flowgraph.
RECEIVER = [
    Option("heaps", "int", RING_HEAPS, "Heaps that wait to be taken, at most."),
    *(
        replace(o, default=True) if o.name == "allow_out_of_order" else o
        for o in options_of(spead2.recv.StreamConfig)
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
