# SPDX-License-Identifier: Apache-2.0
"""What the ranks' streams agree on without a message for each heap: cnts and shares of the rate."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from ..._spead2 import Heap
from .clock import wait_until
from .heap import CollectiveHeap
from .meeting import Meeting
from .ranks import check_rank

if TYPE_CHECKING:
    from mpi4py import MPI


class Collective:
    """What blocking and asyncio streams have in common: cnts, rates, and where ranks meet."""

    def __init__(
        self,
        comm: MPI.Comm,
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
        self._meeting = Meeting(self._comm, timeout, on_failure == "stop")
        self.rank = self._comm.Get_rank()
        self.size = self._comm.Get_size()
        self._root = check_rank("root", root, self.size)
        self._rate = rate
        self._independent = independent
        self._next_cnt = self.rank if independent else 1
        self._step_cnt = self.size if independent else 1
        self._closed = False

    @property
    def gone(self) -> tuple[int, ...]:
        """Ranks that did not come to a meeting."""
        return tuple(sorted(self._meeting.gone))

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
        agreed = time.clock_gettime(time.CLOCK_TAI) + delay
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
        meeting = self._meeting
        return meeting.chief if self._root in meeting.gone else self._root

    def _leave(self) -> None:
        self._closed = True
        if not self._meeting.gone:
            self._comm.Free()  # waits for all: with one gone it would never end
