# SPDX-License-Identifier: Apache-2.0
"""Streams for asyncio: sending returns futures."""

from __future__ import annotations

import asyncio as _asyncio
import functools as _functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .._spead2 import AsyncStream, ConnectToken
from .._spead2 import asyncio_streams as _streams

if TYPE_CHECKING:
    from .._spead2.asyncio_streams import *  # noqa: F403  one for each row of the table

__all__ = ["AsyncStream"]
__all__ += _streams.__all__

_Tcp = TypeVar("_Tcp", bound="TcpStream")


async def async_flush(self: AsyncStream) -> None:
    """Wait until all heaps queued before this call are sent, or failed."""
    await self._flush_future()


AsyncStream.async_flush = async_flush  # type: ignore[method-assign]
del async_flush


def _class_of(name: str) -> type:
    """Return a class of Python, whose objects take attributes of the user's and of mocks."""
    base = getattr(_streams, name)
    made: type = type(base)(name, (base,), {"__doc__": base.__doc__, "__module__": __name__})
    return made


globals().update({name: _class_of(name) for name in _streams.__all__})


class TcpStream(_streams.TcpStream):  # type: ignore[no-redef]
    """Stream over TCP. The constructor takes a connected socket, :meth:`connect` an endpoint.

    Parameters
    ----------
    thread_pool : ThreadPool
    socket : socket.socket
        Connected socket to use as it is; it may be closed afterwards.
    config : StreamConfig

    Raises
    ------
    ValueError
        If the socket is not a connected one.
    """

    @classmethod
    async def connect(cls: type[_Tcp], *args: Any, **kwargs: Any) -> _Tcp:
        """Connect and make a stream.

        Parameters
        ----------
        *args, **kwargs
            As for :class:`spead2.send.TcpStream`.

        Returns
        -------
        TcpStream

        Raises
        ------
        ValueError
            If there is not exactly one endpoint, or a number is out of range.
        RuntimeError
            If a host is not found ("Host not found").
        OSError
            If the connection is refused or cannot be made.
        """
        token = ConnectToken()
        make: Callable[[], _Tcp] = _functools.partial(cls, *args, _token=token, **kwargs)
        try:
            return await _asyncio.get_running_loop().run_in_executor(None, make)
        finally:
            token.cancel()  # without effect once connected
