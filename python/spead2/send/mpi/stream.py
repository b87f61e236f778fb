# SPDX-License-Identifier: Apache-2.0
"""Streams of heaps to which all ranks contribute: one whose calls wait, and one for asyncio."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Literal

from ..._spead2 import AsyncStream, Heap, SyncStream
from .collective import Collective
from .heap import CollectiveHeap

if TYPE_CHECKING:
    from mpi4py import MPI


class CollectiveStream(Collective):
    """A stream of heaps to which all ranks contribute. Making it is collective.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
    stream : SyncStream
        Where this rank sends its parts. All go to the same receivers.
    rate : float
        Bytes per second of payload and headers that come together at a receiver, shared out by
        what each rank has of a heap; 0: what the streams have.
    independent : bool
        Each rank sends whole heaps of its own, with the cnts rank, rank + size, ...
    root : int
        Rank that sends what is sent once; the same as in the item group.
    timeout : float
        Seconds after which a rank that does not come to a meeting counts as gone.
    on_failure : {'stop', 'go on'}
        What `flush`, `close` and the end of the stream do then: raise :class:`RankFailedError`,
        or go on without the rank and log a warning.
    """

    def __init__(
        self,
        comm: MPI.Comm,
        stream: SyncStream,
        *,
        rate: float = 0.0,
        independent: bool = False,
        root: int = 0,
        timeout: float = 60.0,
        on_failure: Literal["stop", "go on"] = "stop",
    ) -> None:
        super().__init__(comm, rate, independent, root, timeout, on_failure)
        self.stream = stream

    def send_heap(self, heap: CollectiveHeap | Heap, substream_index: int = 0) -> int:
        """Send this rank's part of a heap and wait until it is sent.

        No message passes between the ranks, except before the end of the stream.

        Parameters
        ----------
        heap : CollectiveHeap
            Or a Heap, for a stream of independent heaps.
        substream_index : int
            Substream to send to.

        Returns
        -------
        int
            Bytes that this rank sent.

        Raises
        ------
        ValueError
            If the stream is closed, or the heap is not of the stream's kind.
        RankFailedError
            Before the end of the stream.
        OSError
            As for any stream.
        """
        if isinstance(heap, CollectiveHeap) and heap.end:
            self.flush()
        mine, cnt, rate = self._take(heap)
        if mine is None:
            return 0
        return self.stream.send_heap(mine, cnt, substream_index, rate)

    def flush(self) -> None:
        """Wait until all ranks are here, with all their heaps sent. Collective.

        Raises
        ------
        RankFailedError
            If ranks did not come, unless the stream goes on without them. All that came are told
            the same.
        """
        pause = 0.0
        for _ in self._meeting.meet():
            time.sleep(pause)
            pause = min(pause + 1e-5, 1e-3)

    def close(self) -> None:
        """Flush, and give up the communicator. Collective."""
        if self._closed:
            return
        try:
            self.flush()
        finally:
            self._leave()

    def __enter__(self) -> CollectiveStream:
        """Return the stream."""
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Close the stream, unless an exception passes: the other ranks may not be there."""
        if kind is None:
            self.close()


class AsyncCollectiveStream(Collective):
    """:class:`CollectiveStream` for asyncio, over an asyncio stream.

    Parameters
    ----------
    comm, rate, independent, root, timeout, on_failure
        As for :class:`CollectiveStream`.
    stream : AsyncStream
        Where this rank sends its parts.
    """

    def __init__(
        self,
        comm: MPI.Comm,
        stream: AsyncStream,
        *,
        rate: float = 0.0,
        independent: bool = False,
        root: int = 0,
        timeout: float = 60.0,
        on_failure: Literal["stop", "go on"] = "stop",
    ) -> None:
        super().__init__(comm, rate, independent, root, timeout, on_failure)
        self.stream = stream

    def async_send_heap(
        self, heap: CollectiveHeap | Heap, substream_index: int = 0
    ) -> asyncio.Future[int]:
        """Queue this rank's part of a heap.

        Parameters
        ----------
        heap, substream_index
            As for :meth:`CollectiveStream.send_heap`. The cnt is taken now.

        Returns
        -------
        asyncio.Future
            Bytes that this rank sent.

        Raises
        ------
        ValueError, OSError
            As for :meth:`CollectiveStream.send_heap`; :class:`RankFailedError` is raised by the
            future.
        """
        if isinstance(heap, CollectiveHeap) and heap.end:
            return asyncio.ensure_future(self._send_end(heap, substream_index))
        return self._queue(heap, substream_index)

    def _queue(self, heap: CollectiveHeap | Heap, substream_index: int) -> asyncio.Future[int]:
        mine, cnt, rate = self._take(heap)
        if mine is None:
            nothing: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            nothing.set_result(0)
            return nothing
        return self.stream.async_send_heap(mine, cnt, substream_index, rate)

    async def _send_end(self, heap: CollectiveHeap, substream_index: int) -> int:
        await self.async_flush()
        return await self._queue(heap, substream_index)

    async def async_flush(self) -> None:
        """Wait until all heaps queued before are sent, in all ranks. Collective.

        Raises
        ------
        RankFailedError
            As :meth:`CollectiveStream.flush`.
        """
        await self.stream.async_flush()
        for _ in self._meeting.meet():
            await asyncio.sleep(1e-3)

    async def async_close(self) -> None:
        """Flush, and give up the communicator. Collective."""
        if self._closed:
            return
        try:
            await self.async_flush()
        finally:
            self._leave()
