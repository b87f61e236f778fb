# SPDX-License-Identifier: Apache-2.0
"""Items that are like others but for ID, name and description are made quickly, from templates."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._items import Descriptor, Item

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


def make_item(
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
