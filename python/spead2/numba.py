# SPDX-License-Identifier: Apache-2.0
"""Helpers for functions that are compiled with numba, which must be installed."""

from __future__ import annotations

from typing import Any

import numba
from numba.core import cgutils, types

__all__ = ["intp_to_voidptr"]


@numba.extending.intrinsic
def intp_to_voidptr(typing_context: Any, address: Any) -> Any:
    """Turn an integer into the ``void *`` that :func:`numba.carray` wants.

    Parameters
    ----------
    address : intp

    Returns
    -------
    voidptr
    """
    if not isinstance(address, types.Integer):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.intp), generate
