# SPDX-License-Identifier: Apache-2.0
"""Coroutines that wait, first come first served, for something behind a file descriptor.

What is waited for stays where it is until a coroutine that runs takes it, so that cancelling one
loses nothing. The descriptor is only watched while somebody waits.
"""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable
from typing import TypeVar

from .._spead2 import Empty, Full

_T = TypeVar("_T")


class _Waiter:
    """A coroutine that waits; told as often as it may be worth to try."""

    def __init__(self) -> None:
        self.future: asyncio.Future[None] | None = None


class Waiting:
    """Waits for one kind of thing."""

    def __init__(self) -> None:
        self._waiters: collections.deque[_Waiter] = collections.deque()
        self._watching: asyncio.AbstractEventLoop | None = None

    def __bool__(self) -> bool:
        """Tell whether somebody waits."""
        return bool(self._waiters)

    async def wait(self, attempt: Callable[[], _T], fd: int) -> _T:
        """Return what `attempt` returns once it raises neither Empty nor Full.

        Parameters
        ----------
        fd
            Polls readable while it is worth to try.
        """
        loop = asyncio.get_running_loop()
        waiter = _Waiter()
        self._waiters.append(waiter)
        try:
            self._watch(loop, fd)
            while True:
                waiter.future = loop.create_future()
                await waiter.future
                try:
                    result = attempt()
                except (Empty, Full):
                    continue
                return result
        finally:
            self._waiters.remove(waiter)
            if self._waiters:
                self._tell()  # there may be more, or this one was cancelled after it was told
            else:
                self._unwatch(fd)

    def _watch(self, loop: asyncio.AbstractEventLoop, fd: int) -> None:
        if self._watching is loop:
            return
        if self._watching is not None and not self._watching.is_closed():
            raise RuntimeError("a coroutine of another event loop is waiting for the same")
        loop.add_reader(fd, self._tell)
        self._watching = loop

    def _unwatch(self, fd: int) -> None:
        if self._watching is not None and not self._watching.is_closed():
            self._watching.remove_reader(fd)
        self._watching = None

    def _tell(self) -> None:
        """Have the first one try that is not about to."""
        for waiter in self._waiters:
            if waiter.future is not None and not waiter.future.done():
                waiter.future.set_result(None)
                return
