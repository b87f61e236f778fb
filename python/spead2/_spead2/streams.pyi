# SPDX-License-Identifier: Apache-2.0
"""The streams of spead2.send, one a transport; the table says the rest."""

import os
import socket as _socket
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, TypedDict, overload

from typing_extensions import Buffer, Unpack

from . import InprocQueue, StreamConfig, SyncStream, ThreadPool

_Endpoints = Iterable[tuple[str, int]]

# Streams: script/stubs
__all__ = [
    "BytesStream",
    "InprocStream",
    "PcapStream",
    "TcpStream",
    "UdpIbvConfig",
    "UdpIbvStream",
    "UdpStream",
]

class PcapStream(SyncStream):
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

class BytesStream(SyncStream):
    def __init__(self, thread_pool: ThreadPool, config: StreamConfig = ...) -> None: ...
    def getvalue(self) -> bytes: ...

class InprocStream(SyncStream):
    def __init__(
        self, thread_pool: ThreadPool, queues: Sequence[InprocQueue], config: StreamConfig = ...
    ) -> None: ...
    @property
    def queues(self) -> list[InprocQueue]: ...

class _UdpStreamOptions(TypedDict, total=False):
    # Options of UdpStream: script/stubs
    buffer_size: int
    ttl: int | None
    interface_address: str
    interface_index: int | None
    dscp: int
    # End of options

class _UdpForms:
    DEFAULT_BUFFER_SIZE: ClassVar[int]
    @overload
    def __init__(
        self,
        thread_pool: ThreadPool,
        endpoints: _Endpoints,
        config: StreamConfig = ...,
        *,
        socket: _socket.socket = ...,
        **options: Unpack[_UdpStreamOptions],
    ) -> None: ...
    @overload
    def __init__(
        self,
        thread_pool: ThreadPool,
        hostname: str,
        port: int,
        config: StreamConfig = ...,
        *,
        socket: _socket.socket = ...,
        **options: Unpack[_UdpStreamOptions],
    ) -> None: ...
    # Further by position: buffer_size, and by type interface_address, ttl, interface_index, socket.
    @overload
    def __init__(
        self,
        thread_pool: ThreadPool,
        endpoints: _Endpoints,
        config: StreamConfig,
        buffer_size: int,
        first: str | int | _socket.socket = ...,
        second: str | int = ...,
        /,
        *,
        socket: _socket.socket = ...,
        **options: Unpack[_UdpStreamOptions],
    ) -> None: ...
    @overload
    def __init__(
        self,
        thread_pool: ThreadPool,
        hostname: str,
        port: int,
        config: StreamConfig,
        buffer_size: int,
        first: str | int | _socket.socket = ...,
        second: str | int = ...,
        /,
        *,
        socket: _socket.socket = ...,
        **options: Unpack[_UdpStreamOptions],
    ) -> None: ...
    @overload
    def __init__(
        self,
        thread_pool: ThreadPool,
        socket: _socket.socket,
        endpoints: _Endpoints,
        config: StreamConfig = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        thread_pool: ThreadPool,
        socket: _socket.socket,
        hostname: str,
        port: int,
        config: StreamConfig = ...,
    ) -> None: ...

class UdpStream(_UdpForms, SyncStream): ...

class _TcpStreamOptions(TypedDict, total=False):
    # Options of TcpStream: script/stubs
    buffer_size: int
    interface_address: str
    reconnect: float
    dscp: int
    # End of options

class TcpStream(SyncStream):
    DEFAULT_BUFFER_SIZE: ClassVar[int]
    @overload
    def __init__(
        self,
        thread_pool: ThreadPool,
        endpoints: _Endpoints,
        config: StreamConfig = ...,
        **options: Unpack[_TcpStreamOptions],
    ) -> None: ...
    @overload
    def __init__(
        self,
        thread_pool: ThreadPool,
        hostname: str,
        port: int,
        config: StreamConfig = ...,
        **options: Unpack[_TcpStreamOptions],
    ) -> None: ...
    @overload
    def __init__(
        self,
        thread_pool: ThreadPool,
        endpoints: _Endpoints,
        config: StreamConfig,
        buffer_size: int,
        interface_address: str = ...,
        /,
    ) -> None: ...
    @overload
    def __init__(
        self,
        thread_pool: ThreadPool,
        hostname: str,
        port: int,
        config: StreamConfig,
        buffer_size: int,
        interface_address: str = ...,
        /,
    ) -> None: ...
    @overload
    def __init__(
        self, thread_pool: ThreadPool, socket: _socket.socket, config: StreamConfig = ...
    ) -> None: ...

class _UdpIbvConfigOptions(TypedDict, total=False):
    # Options of UdpIbvConfig: script/stubs
    interface_address: str
    buffer_size: int
    ttl: int
    comp_vector: int
    max_poll: int
    dscp: int
    # End of options
    endpoints: _Endpoints
    memory_regions: Iterable[Buffer]

class UdpIbvConfig:
    DEFAULT_BUFFER_SIZE: ClassVar[int]
    DEFAULT_MAX_POLL: ClassVar[int]
    # Options of UdpIbvConfig: script/stubs
    interface_address: str
    buffer_size: int
    ttl: int
    comp_vector: int
    max_poll: int
    dscp: int
    # End of options
    @property
    def endpoints(self) -> list[tuple[str, int]]: ...
    @endpoints.setter
    def endpoints(self, value: _Endpoints) -> None: ...
    @property
    def memory_regions(self) -> list[Any]: ...
    @memory_regions.setter
    def memory_regions(self, value: Iterable[Buffer]) -> None: ...
    def __init__(self, **options: Unpack[_UdpIbvConfigOptions]) -> None: ...

class UdpIbvStream(SyncStream):
    def __init__(
        self, thread_pool: ThreadPool, config: StreamConfig, udp_ibv_config: UdpIbvConfig
    ) -> None: ...
