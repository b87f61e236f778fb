# SPDX-License-Identifier: Apache-2.0
"""Streams for asyncio: sending returns futures."""

from __future__ import annotations

import asyncio as _asyncio
import functools as _functools
from collections.abc import Callable
from typing import Any, TypeVar

from .._spead2 import AsyncStream, ConnectToken
from .._spead2 import InprocStreamAsyncio as _InprocStream
from .._spead2 import PcapStreamAsyncio as _PcapStream
from .._spead2 import TcpStreamAsyncio as _TcpStream
from .._spead2 import UdpIbvStreamAsyncio as _UdpIbvStream
from .._spead2 import UdpStreamAsyncio as _UdpStream

__all__ = ["AsyncStream", "InprocStream", "PcapStream", "TcpStream", "UdpIbvStream", "UdpStream"]

_Tcp = TypeVar("_Tcp", bound="TcpStream")


async def async_flush(self: AsyncStream) -> None:
    """Wait until all heaps queued before this call are sent, or failed."""
    await self._flush_future()


AsyncStream.async_flush = async_flush  # type: ignore[method-assign]
del async_flush


# Classes of Python, whose objects take attributes of the user's and of mocks.


class InprocStream(_InprocStream):  # noqa: D101 (the base has the text)
    __doc__ = _InprocStream.__doc__


class PcapStream(_PcapStream):  # noqa: D101 (the base has the text)
    __doc__ = _PcapStream.__doc__


class UdpIbvStream(_UdpIbvStream):  # noqa: D101 (the base has the text)
    __doc__ = _UdpIbvStream.__doc__


class UdpStream(_UdpStream):  # noqa: D101 (the base has the text)
    __doc__ = _UdpStream.__doc__


class TcpStream(_TcpStream):
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
