# SPDX-License-Identifier: Apache-2.0
"""Streams for asyncio: waiting for heaps lets other coroutines run."""

from __future__ import annotations

import asyncio as _asyncio
from typing import TYPE_CHECKING, Any

from .._spead2 import Empty, Stopped
from .._spead2 import recv as _recv
from ._waiting import Waiting as _Waiting

if TYPE_CHECKING:
    from typing_extensions import Self

    from . import Heap, IncompleteHeap

__all__ = ["Stream"]

# Heaps that `async for` takes in a row before it lets the event loop have a turn.
_IN_A_ROW = 16


class Stream(_recv.Stream):
    """Receives heaps and keeps them until they are taken.

    ``async for`` takes heaps as they come, until the stream has stopped and all are taken; it lets
    other coroutines run after 16 heaps at the latest. Iterating with ``for`` blocks.

    Parameters
    ----------
    *args, **kwargs
        As for :class:`spead2.recv.Stream`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting = _Waiting()
        self._in_a_row = 0

    async def get(self) -> Heap | IncompleteHeap:  # type: ignore[override]
        """Take the next heap; wait for one. Other coroutines have a turn in any case.

        Those who wait are served in the order in which they came. Cancelling one loses no heap.

        Returns
        -------
        Heap or IncompleteHeap

        Raises
        ------
        Stopped
            If the stream has stopped and all heaps are taken.
        """
        if not self._waiting:
            await _asyncio.sleep(0)
        if not self._waiting:
            try:
                return self.get_nowait()
            except Empty:
                pass
        return await self._waiting.wait(self.get_nowait, self.fd)

    def __aiter__(self) -> Self:
        """Return the stream."""
        return self

    async def __anext__(self) -> Heap | IncompleteHeap:
        """Take the next heap."""
        try:
            if self._in_a_row < _IN_A_ROW and not self._waiting:
                self._in_a_row += 1
                return self.get_nowait()
        except Empty:
            pass
        except Stopped:
            raise StopAsyncIteration from None
        self._in_a_row = 0
        try:
            return await self.get()
        except Stopped:
            raise StopAsyncIteration from None
