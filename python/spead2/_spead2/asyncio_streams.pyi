# SPDX-License-Identifier: Apache-2.0
"""The streams of spead2.send.asyncio, one a transport; the table says the rest."""

import os
import socket as _socket
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, overload

from typing_extensions import Self

from . import AsyncStream, ConnectToken, InprocQueue, StreamConfig, ThreadPool
from .streams import UdpIbvConfig, _UdpForms

# Streams: script/stubs
__all__ = [
    "InprocStream",
    "PcapStream",
    "TcpStream",
    "UdpIbvStream",
    "UdpStream",
]

class PcapStream(AsyncStream):
    def __init__(
        self,
        thread_pool: ThreadPool,
        path: str | bytes | os.PathLike[str] | os.PathLike[bytes],
        endpoints: Iterable[tuple[str, int]],
        config: StreamConfig = ...,
        *,
        source4: str = "127.0.0.1",
        source6: str = "::1",
        source_port: int = 8888,
        ttl: int = 64,
        dscp: int = 0,
    ) -> None: ...

# End of table

class InprocStream(AsyncStream):
    def __init__(
        self, thread_pool: ThreadPool, queues: Sequence[InprocQueue], config: StreamConfig = ...
    ) -> None: ...
    @property
    def queues(self) -> list[InprocQueue]: ...

class UdpStream(_UdpForms, AsyncStream): ...

class TcpStream(AsyncStream):
    DEFAULT_BUFFER_SIZE: ClassVar[int]
    @overload
    def __init__(
        self, thread_pool: ThreadPool, socket: _socket.socket, config: StreamConfig = ...
    ) -> None: ...
    @overload
    def __init__(self, *args: Any, _token: ConnectToken, **kwargs: Any) -> None: ...
    @classmethod
    async def connect(cls, *args: Any, **kwargs: Any) -> Self: ...

class UdpIbvStream(AsyncStream):
    def __init__(
        self, thread_pool: ThreadPool, config: StreamConfig, udp_ibv_config: UdpIbvConfig
    ) -> None: ...
