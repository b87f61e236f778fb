# SPDX-License-Identifier: Apache-2.0
"""Where all ranks wait for each other, and find out who does not come."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from .ranks import RankFailedError

if TYPE_CHECKING:
    from mpi4py import MPI

_logger = logging.getLogger("spead2")


class Meeting:
    """The meetings of the ranks of a communicator.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
        With no other messages than those of the meetings.
    timeout : float
        Seconds after which a rank that does not come counts as gone.
    stop : bool
        Whether :class:`RankFailedError` is raised then, or a warning logged.

    Attributes
    ----------
    gone : set of int
        Ranks that did not come.
    """

    def __init__(self, comm: MPI.Comm, timeout: float, stop: bool) -> None:
        self._comm = comm
        self._timeout = timeout
        self._stop = stop
        self.rank = comm.Get_rank()
        self.size = comm.Get_size()
        self.gone: set[int] = set()
        self._meetings = 0

    @property
    def chief(self) -> int:
        """The lowest rank that is not gone."""
        return min(set(range(self.size)) - self.gone)

    def meet(self) -> Generator[None, None, None]:
        """Wait for all ranks; yields while there is nothing to do but wait.

        All tell the lowest rank that they came, and it answers who did not.
        """
        self._meetings += 1
        tag = 2 * (self._meetings % 8192)
        before = set(self.gone)
        while True:
            chief = self.chief
            if chief == self.rank:
                yield from self._gather(tag)
                break
            if (yield from self._report(chief, tag)):
                break
            self.gone.add(chief)
        new = sorted(self.gone - before)
        if new:
            if self._stop:
                raise RankFailedError(new)
            _logger.warning("no answer from rank %s: going on", ", ".join(map(str, new)))

    def _gather(self, tag: int) -> Generator[None, None, None]:
        others = [r for r in range(self.size) if r != self.rank and r not in self.gone]
        arrivals = {r: self._comm.irecv(source=r, tag=tag) for r in others}
        limit = time.monotonic() + self._timeout
        while True:
            for r in [r for r, request in arrivals.items() if _is_done(request)]:
                del arrivals[r]
            if not arrivals or time.monotonic() >= limit:
                break
            yield
        for request in arrivals.values():
            request.Cancel()
        self.gone.update(arrivals)
        answer = sorted(self.gone)
        sends = [self._comm.isend(answer, dest=r, tag=tag + 1) for r in others if r not in arrivals]
        yield from self._finish(sends, time.monotonic() + self._timeout)

    def _report(self, chief: int, tag: int) -> Generator[None, None, bool]:
        """Tell a rank that this one came. Returns whether it answered."""
        answer = self._comm.irecv(source=chief, tag=tag + 1)
        # It waits for the others as long as the timeout, perhaps from now on.
        limit = time.monotonic() + 2 * self._timeout
        sent = self._comm.isend(None, dest=chief, tag=tag)
        while time.monotonic() < limit:
            try:
                done, gone = answer.test()
            except Exception as error:  # of mpi4py
                _logger.info("rank %d: %s", chief, error)
                return False
            if done:
                self.gone.update(gone or ())
                yield from self._finish([sent], limit)
                return True
            yield
        answer.Cancel()
        return False

    def _finish(self, requests: list[Any], limit: float) -> Generator[None, None, None]:
        while requests and time.monotonic() < limit:
            requests = [request for request in requests if not _is_done(request)]
            if requests:
                yield


def _is_done(request: Any) -> bool:
    try:
        return bool(request.Test())
    except Exception as error:  # of mpi4py: the other side is gone, and no answer will come
        _logger.info("%s", error)
        return False
