# SPDX-License-Identifier: Apache-2.0
"""Heaps that the ranks of an MPI communicator send together, each its part.

Making a collective stream, `start`, `flush`, `close` and the end of a stream exchange messages;
heaps do not. How parts become packets is the engine's matter. Needs mpi4py (the extra ``mpi``) for
streams; heaps can be made for any rank and size without it.
"""

from __future__ import annotations

import asyncio as _asyncio
import dataclasses as _dataclasses
import logging as _logging
import math as _math
import time as _time
from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy.typing as _npt

from .. import Descriptor, Flavour, Item
from .. import ItemGroup as _ItemGroup
from .._spead2 import AsyncStream, Heap, SyncStream, part_padding, share_of_axis

if TYPE_CHECKING:
    from mpi4py import MPI as _MPI

__all__ = [
    "AsyncCollectiveStream",
    "CollectiveHeap",
    "CollectiveStream",
    "ItemGroup",
    "Place",
    "RankFailedError",
    "share_of_axis",
    "wait_until",
]

_logger = _logging.getLogger("spead2")


class HasPlace(Protocol):
    """What an item group asks of a communicator."""

    def Get_rank(self) -> int: ...  # noqa: N802 as in MPI
    def Get_size(self) -> int: ...  # noqa: N802


@_dataclasses.dataclass(frozen=True)
class Place:
    """Rank and size without MPI, in place of a communicator."""

    rank: int
    size: int

    def Get_rank(self) -> int:  # noqa: N802 as in MPI
        """Return the rank."""
        return self.rank

    def Get_size(self) -> int:  # noqa: N802
        """Return the number of ranks."""
        return self.size


class RankFailedError(RuntimeError):
    """Ranks did not come to where all meet.

    Attributes
    ----------
    ranks : tuple of int
        Which.
    """

    def __init__(self, ranks: Iterable[int]) -> None:
        self.ranks = tuple(ranks)
        super().__init__(f"no answer from rank {', '.join(map(str, self.ranks))}")


@_dataclasses.dataclass(frozen=True)
class CollectiveHeap:
    """What :meth:`ItemGroup.get_heap` makes, for :meth:`CollectiveStream.send_heap`.

    Attributes
    ----------
    heap : Heap or None
        What this rank sends; None if it holds nothing of the heap.
    whole : int
        Bytes of payload of the whole heap.
    held : int
        Those that this rank sends.
    control : bool
        It is a whole heap that one rank sends for all.
    end : bool
        It ends the stream, and waits until all ranks have sent what was before it.
    """

    heap: Heap | None
    whole: int
    held: int
    control: bool = False
    end: bool = False


@_dataclasses.dataclass(frozen=True)
class _Plan:
    """How an item is divided: along an axis, owned by one rank, or (neither) the same for all."""

    whole: Descriptor
    split: int | None
    owner: int | None


class ItemGroup(_ItemGroup):
    """Items of which each rank sets its part.

    All ranks add the same items in the same order and make the same heaps.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm or Place
    root : int
        Rank that sends descriptors, start and end of the stream, and items that are the same
        everywhere; and the item pointers, unless all ranks do.
    pointers : {'first', 'every'}
        Which packets have the item pointers: the first ones of `root`, or every packet of all
        ranks, for receivers that place each packet by itself.
    descriptor_frequency : int, optional
        Send each descriptor again with every so many heaps; None: only once.
    flavour : spead2.Flavour
        Flavour of the heaps.

    Raises
    ------
    ValueError
        If `root` is no rank of `comm`.
    """

    def __init__(
        self,
        comm: HasPlace,
        *,
        root: int = 0,
        pointers: Literal["first", "every"] = "first",
        descriptor_frequency: int | None = None,
        flavour: Flavour = Flavour(),  # noqa: B008 immutable
    ) -> None:
        super().__init__()
        self.rank = comm.Get_rank()
        self.size = comm.Get_size()
        self.root = _check_rank("root", root, self.size)
        if pointers not in ("first", "every"):
            raise ValueError(f"pointers is {pointers!r}, but must be 'first' or 'every'")
        self._pointers: Literal["none", "first", "every"] = pointers
        if pointers == "first" and self.rank != root:
            self._pointers = "none"
        self._flavour = flavour
        self._frequency = descriptor_frequency
        self._plans: dict[int, tuple[Item, _Plan]] = {}
        self._described: dict[int, int] = {}  # serial number of the heap with the descriptor
        self._heaps = 0

    def add_item(
        self,
        id: int | None,
        name: str,
        description: str,
        shape: Iterable[int | None],
        dtype: _npt.DTypeLike | None = None,
        order: str = "C",
        format: Sequence[tuple[str, int]] | None = None,
        *,
        value: Any = None,
        split: int | None = None,
        owner: int | None = None,
    ) -> Item:
        """Add an item. Its description is that of the whole; its value is this rank's part.

        Parameters
        ----------
        id, name, description, shape, dtype, order, format, value
            As for :meth:`spead2.ItemGroup.add_item`.
        split : int, optional
            Axis along which the item is divided among the ranks, in the order of ranks, as evenly
            as it goes (see :func:`share_of_axis`); the shape of this rank's part is that of the
            item returned.
        owner : int, optional
            Rank that alone has the value.

        Returns
        -------
        Item
            What this rank sets the value of. An item with neither `split` nor `owner` must be
            given the same value by all.

        Raises
        ------
        ValueError, TypeError
            As :class:`spead2.Item`; also if the item has both `split` and `owner`, or one of them
            and a variable shape, or a split one has elements that are not whole bytes; or an
            axis or rank that does not exist.
        """
        whole = tuple(shape)
        local = whole
        if split is not None and owner is not None:
            raise ValueError(f"item {name!r} cannot have both split={split} and owner={owner}")
        if (split is not None or owner is not None) and None in whole:
            raise ValueError(
                f"item {name!r} of variable shape {whole} can only be the same everywhere: all "
                f"ranks must know how long it is"
            )
        if owner is not None:
            _check_rank("owner", owner, self.size)
        if split is not None:
            if not -len(whole) <= split < len(whole):
                raise ValueError(f"split is {split}, but item {name!r} has {len(whole)} axes")
            split %= len(whole)
            first, last = share_of_axis(whole[split] or 0, self.rank, self.size)
            local = (*whole[:split], last - first, *whole[split + 1 :])
        item = super().add_item(id, name, description, local, dtype, order, format, value=value)
        described = Descriptor(item.id, name, description, whole, dtype, order, format)
        if split is not None and described.itemsize_bits % 8 != 0:
            self._drop(item)
            raise ValueError(
                f"item {name!r} cannot be split: its elements have {described.itemsize_bits} bits, "
                f"which is not a whole number of bytes"
            )
        self._plans[item.id] = (item, _Plan(described, split, owner))
        self._described.pop(item.id, None)
        return item

    def get_heap(
        self,
        descriptors: Literal["stale", "all", "none"] = "stale",
        data: Literal["all", "none"] = "all",
    ) -> CollectiveHeap:
        """Make this rank's part of a heap of all items.

        Values go into every heap, changed or not: the other ranks could not know. An error leaves
        the group unchanged.

        Parameters
        ----------
        descriptors : {'stale', 'all', 'none'}
            Which descriptors: those not sent yet or not often enough, all, or none.
        data : {'all', 'none'}
            Whether values.

        Returns
        -------
        CollectiveHeap

        Raises
        ------
        ValueError
            If an item that this rank has to give has no value, or it cannot be encoded.
        """
        for name, text, words in (
            ("descriptors", descriptors, ("stale", "all", "none")),
            ("data", data, ("all", "none")),
        ):
            if text not in words:
                raise ValueError(f"{name} is {text!r}, but must be one of {words}")
        heap = Heap(self._flavour)
        heap.set_part(self._pointers)
        described = dict(self._described)
        pointers = root_holds = 0
        for item in self.values():
            planned = self._plans.get(item.id)
            if planned is None or planned[0] is not item:
                raise ValueError(f"item {item.name!r} was not added with add_item() of this group")
            plan = planned[1]
            if descriptors == "all" or (descriptors == "stale" and self._stale(item.id)):
                if self.rank == self.root:
                    heap.add_descriptor(plan.whole)
                else:
                    heap.add_descriptor_elsewhere(plan.whole)
                described[item.id] = self._heaps
                pointers += 1
            if data == "all":
                root_holds += self._add_value(heap, item, plan)
                pointers += 1
        padding = part_padding(pointers, root_holds)
        if padding:
            heap.set_part_padding(padding, self.rank == self.root)
        self._described = described
        self._heaps += 1
        held = heap.held_size + (padding if self.rank == self.root else 0)
        return CollectiveHeap(heap if held else None, heap.payload_size + padding, held)

    def _stale(self, identifier: int) -> bool:
        last = self._described.get(identifier)
        if last is None:
            return True
        return self._frequency is not None and self._heaps - last >= self._frequency

    def _add_value(self, heap: Heap, item: Item, plan: _Plan) -> int:
        """Add a value; return how many bytes of it the root holds (descriptors not counted)."""
        whole = plan.whole
        before = heap.payload_size
        if plan.split is None and plan.owner is None:
            heap.add_replicated_item(item, self.rank == self.root)
            return heap.payload_size - before
        shape = [size or 0 for size in whole.shape]
        length = (_math.prod(shape) * whole.itemsize_bits + 7) // 8
        if plan.split is None:
            if self.rank == plan.owner:
                heap.add_item_part(item, length)
            else:
                heap.add_item_elsewhere(item.id, length)
            return length if plan.owner == self.root else 0
        # In memory, the axes before the split one count the blocks, those after it are inside.
        axis = plan.split
        if whole.order == "F":
            shape.reverse()
            axis = len(shape) - 1 - axis
        inner = _math.prod(shape[axis + 1 :]) * whole.itemsize_bits // 8
        blocks = _math.prod(shape[:axis])
        first, last = share_of_axis(shape[axis], self.rank, self.size)
        if first == last or length == 0:
            heap.add_item_elsewhere(item.id, length)
        else:
            stride = shape[axis] * inner
            heap.add_item_part(item, length, offset=first * inner, count=blocks, stride=stride)
        first, last = share_of_axis(shape[axis], self.root, self.size)
        return (last - first) * inner * blocks

    def get_start(self) -> CollectiveHeap:
        """Make a heap that only says that the stream starts."""
        heap = Heap(self._flavour)
        heap.add_start()
        return CollectiveHeap(heap, 1, 1, control=True)

    def get_end(self) -> CollectiveHeap:
        """Make a heap that only says that the stream ends. All ranks meet before it is sent."""
        heap = Heap(self._flavour)
        heap.add_end()
        return CollectiveHeap(heap, 1, 1, control=True, end=True)


class _Collective:
    """What blocking and asyncio streams have in common: cnts, rates, and where ranks meet."""

    def __init__(
        self,
        comm: _MPI.Comm,
        rate: float,
        independent: bool,
        root: int,
        timeout: float,
        on_failure: Literal["stop", "go on"],
    ) -> None:
        if on_failure not in ("stop", "go on"):
            raise ValueError(f"on_failure is {on_failure!r}, but must be 'stop' or 'go on'")
        if not (rate >= 0.0):
            raise ValueError(f"rate is {rate}, but must not be negative")
        if not (timeout > 0.0):
            raise ValueError(f"timeout is {timeout}, but must be above 0 seconds")
        self._comm = comm.Dup()  # messages of ours meet no others
        self.rank = self._comm.Get_rank()
        self.size = self._comm.Get_size()
        self._root = _check_rank("root", root, self.size)
        self._rate = rate
        self._independent = independent
        self._timeout = timeout
        self._stop = on_failure == "stop"
        self._gone: set[int] = set()
        self._meetings = 0
        self._next_cnt = self.rank if independent else 1
        self._step_cnt = self.size if independent else 1
        self._closed = False

    @property
    def gone(self) -> tuple[int, ...]:
        """Ranks that did not come to a meeting."""
        return tuple(sorted(self._gone))

    def set_cnt_sequence(self, next: int, step: int) -> None:
        """Set the cnts of the next heaps to next, next + step, ... All ranks do so alike.

        For independent heaps rank r has next + r, next + r + step * size, ...

        Raises
        ------
        ValueError
            For step 0.
        """
        if step == 0:
            raise ValueError("step must not be 0")
        self._next_cnt = next + (self.rank if self._independent else 0)
        self._step_cnt = step * (self.size if self._independent else 1)

    def start(self, delay: float = 0.1, stagger: float = 0.0) -> float:
        """Wait, in all ranks, until one time that `root` chooses. Collective.

        Parameters
        ----------
        delay : float
            Seconds from now, by the clock of `root`: enough for the message that tells the time.
        stagger : float
            Seconds between consecutive ranks, so that their bursts do not meet in a switch.

        Returns
        -------
        float
            The time at which rank 0 starts, in seconds of ``CLOCK_TAI``.
        """
        agreed = _time.clock_gettime(_time.CLOCK_TAI) + delay
        agreed = float(self._comm.bcast(agreed, self._root))
        wait_until(agreed + self.rank * stagger)
        return agreed

    def _take(self, heap: CollectiveHeap | Heap) -> tuple[Heap | None, int, float]:
        """Return what to send for a heap, its cnt and rate. Every heap has a cnt in every rank."""
        if self._closed:
            raise ValueError("the stream is closed")
        if isinstance(heap, Heap):
            if not self._independent:
                raise ValueError(
                    "a Heap is of one rank, and would have the cnt of another rank's: make the "
                    "stream with independent=True, or heaps with spead2.send.mpi.ItemGroup"
                )
            mine: Heap | None = heap
            rate = self._rate / self.size
        else:
            if self._independent:
                raise ValueError("a stream of independent heaps cannot send a CollectiveHeap")
            rate = self._rate * heap.held / heap.whole
            mine = heap.heap
            if heap.control and self.rank != self._acting_root():
                mine = None
        cnt = self._next_cnt
        self._next_cnt += self._step_cnt
        return mine, cnt, rate if self._rate else -1.0

    def _acting_root(self) -> int:
        if self._root not in self._gone:
            return self._root
        return min(set(range(self.size)) - self._gone)

    def _meet(self) -> Generator[None, None, None]:
        """Wait for all ranks; yields while there is nothing to do but wait.

        All tell the lowest rank that they came, and it answers who did not.
        """
        self._meetings += 1
        tag = 2 * (self._meetings % 8192)
        before = set(self._gone)
        while True:
            chief = min(set(range(self.size)) - self._gone)
            if chief == self.rank:
                yield from self._gather(tag)
                break
            if (yield from self._report(chief, tag)):
                break
            self._gone.add(chief)
        new = sorted(self._gone - before)
        if new:
            if self._stop:
                raise RankFailedError(new)
            _logger.warning("no answer from rank %s: going on", ", ".join(map(str, new)))

    def _gather(self, tag: int) -> Generator[None, None, None]:
        others = [r for r in range(self.size) if r != self.rank and r not in self._gone]
        arrivals = {r: self._comm.irecv(source=r, tag=tag) for r in others}
        limit = _time.monotonic() + self._timeout
        while True:
            for r in [r for r, request in arrivals.items() if _is_done(request)]:
                del arrivals[r]
            if not arrivals or _time.monotonic() >= limit:
                break
            yield
        for request in arrivals.values():
            request.Cancel()
        self._gone.update(arrivals)
        answer = sorted(self._gone)
        sends = [self._comm.isend(answer, dest=r, tag=tag + 1) for r in others if r not in arrivals]
        yield from self._finish(sends, _time.monotonic() + self._timeout)

    def _report(self, chief: int, tag: int) -> Generator[None, None, bool]:
        """Tell a rank that this one came. Returns whether it answered."""
        answer = self._comm.irecv(source=chief, tag=tag + 1)
        # It waits for the others as long as the timeout, perhaps from now on.
        limit = _time.monotonic() + 2 * self._timeout
        sent = self._comm.isend(None, dest=chief, tag=tag)
        while _time.monotonic() < limit:
            try:
                done, gone = answer.test()
            except Exception as error:  # of mpi4py
                _logger.info("rank %d: %s", chief, error)
                return False
            if done:
                self._gone.update(gone or ())
                yield from self._finish([sent], limit)
                return True
            yield
        answer.Cancel()
        return False

    def _finish(self, requests: list[Any], limit: float) -> Generator[None, None, None]:
        while requests and _time.monotonic() < limit:
            requests = [request for request in requests if not _is_done(request)]
            if requests:
                yield

    def _leave(self) -> None:
        self._closed = True
        if not self._gone:
            self._comm.Free()  # waits for all: with one gone it would never end


class CollectiveStream(_Collective):
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
        comm: _MPI.Comm,
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
        for _ in self._meet():
            _time.sleep(pause)
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


class AsyncCollectiveStream(_Collective):
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
        comm: _MPI.Comm,
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
    ) -> _asyncio.Future[int]:
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
            return _asyncio.ensure_future(self._send_end(heap, substream_index))
        return self._queue(heap, substream_index)

    def _queue(self, heap: CollectiveHeap | Heap, substream_index: int) -> _asyncio.Future[int]:
        mine, cnt, rate = self._take(heap)
        if mine is None:
            nothing: _asyncio.Future[int] = _asyncio.get_running_loop().create_future()
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
        for _ in self._meet():
            await _asyncio.sleep(1e-3)

    async def async_close(self) -> None:
        """Flush, and give up the communicator. Collective."""
        if self._closed:
            return
        try:
            await self.async_flush()
        finally:
            self._leave()


def wait_until(moment: float) -> None:
    """Sleep until a time of ``CLOCK_TAI``, in seconds; the last 100 microseconds awake."""
    while (left := moment - _time.clock_gettime(_time.CLOCK_TAI)) > 0.0:
        if left > 2e-4:
            _time.sleep(left - 1e-4)


def _is_done(request: Any) -> bool:
    try:
        return bool(request.Test())
    except Exception as error:  # of mpi4py: the other side is gone, and no answer will come
        _logger.info("%s", error)
        return False


def _check_rank(name: str, rank: int, size: int) -> int:
    if not 0 <= rank < size:
        raise ValueError(f"{name} is {rank}, but must be a rank from 0 to {size - 1}")
    return rank
