# SPDX-License-Identifier: Apache-2.0
"""Streams and rings for asyncio: waiting for heaps and chunks lets other coroutines run."""

from __future__ import annotations

import asyncio as _asyncio
from typing import TYPE_CHECKING, Any

from .._spead2 import Empty, Full, Stopped
from .._spead2 import recv as _recv
from ._waiting import Waiting as _Waiting

if TYPE_CHECKING:
    from typing_extensions import Self

    from . import Chunk, Heap, IncompleteHeap

__all__ = ["ChunkRingbuffer", "Stream"]

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


class ChunkRingbuffer(_recv.ChunkRingbuffer):
    """Chunks that wait for somebody to take them.

    ``async for`` takes chunks as they come, until the ring is stopped and empty. Iterating with
    ``for`` blocks.

    Parameters
    ----------
    maxsize
        Chunks that it holds at most.
    """

    def __init__(self, maxsize: int) -> None:
        super().__init__(maxsize)
        self._waiting_for_chunks = _Waiting()
        self._waiting_for_room = _Waiting()

    async def get(self) -> Chunk:  # type: ignore[override]
        """Take the next chunk; wait for one. Other coroutines have a turn in any case.

        Those who wait are served in the order in which they came. Cancelling one loses no chunk.

        Returns
        -------
        Chunk

        Raises
        ------
        Stopped
            If the ring is stopped and empty.
        """
        if not self._waiting_for_chunks:
            await _asyncio.sleep(0)
        if not self._waiting_for_chunks:
            try:
                return self.get_nowait()
            except Empty:
                pass
        return await self._waiting_for_chunks.wait(self.get_nowait, self.data_fd)

    async def put(self, chunk: Chunk) -> None:  # type: ignore[override]
        """Put a chunk in; wait for room. Other coroutines have a turn in any case.

        Parameters
        ----------
        chunk
            Its `data` and `present` must be set. It keeps them if this is cancelled.

        Raises
        ------
        ValueError
            If they are not.
        Stopped
            If the ring is stopped.
        """
        if not self._waiting_for_room:
            await _asyncio.sleep(0)
        if not self._waiting_for_room:
            try:
                self.put_nowait(chunk)
            except Full:
                pass
            else:
                return
        await self._waiting_for_room.wait(lambda: self.put_nowait(chunk), self.space_fd)

    def __aiter__(self) -> Self:
        """Return the ring."""
        return self

    async def __anext__(self) -> Chunk:
        """Take the next chunk."""
        try:
            return await self.get()
        except Stopped:
            raise StopAsyncIteration from None
