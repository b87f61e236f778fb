# SPDX-License-Identifier: Apache-2.0
"""Types of the extension module's receiving half. Its names are public through spead2.recv."""

import enum
import os
import socket as _socket
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Final, SupportsIndex, TypedDict, TypeVar, final, overload

from typing_extensions import Buffer, Self, Unpack, disjoint_base

from .. import Flavour, InprocQueue, MemoryAllocator, RawDescriptor, ThreadPool
from . import stream_stat_indices as stream_stat_indices

_T = TypeVar("_T")

class _Reader:
    method: str
    label: str
    text: str
    arguments: list[tuple[str, str, Any, str, Any]]

#: The table of readers, by name; see include/spead2/recv/readers/table.h.
READERS: Final[dict[str, _Reader]]
#: The options of each configuration: name, type, default, text and limits.
OPTIONS: Final[dict[str, list[tuple[str, str, Any, str, Any]]]]

@final
class RawItem(Buffer):
    @property
    def id(self) -> int: ...
    @property
    def is_immediate(self) -> bool: ...
    @property
    def immediate_value(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

@disjoint_base
class HeapBase:
    @property
    def cnt(self) -> int: ...
    @property
    def flavour(self) -> Flavour: ...
    def get_items(self) -> list[RawItem]: ...
    def is_start_of_stream(self) -> bool: ...
    def is_end_of_stream(self) -> bool: ...

@final
class Heap(HeapBase):
    def get_descriptors(self) -> list[RawDescriptor]: ...

@final
class IncompleteHeap(HeapBase):
    @property
    def heap_length(self) -> int: ...
    @property
    def received_length(self) -> int: ...
    @property
    def payload_ranges(self) -> list[tuple[int, int]]: ...

class StreamStatConfig:
    class Mode(enum.Enum):
        COUNTER = 0
        MAXIMUM = 1

    def __init__(self, name: str, mode: StreamStatConfig.Mode = ...) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def mode(self) -> StreamStatConfig.Mode: ...
    def combine(self, a: SupportsIndex, b: SupportsIndex) -> int: ...
    def __eq__(self, other: object) -> bool: ...
    def __ne__(self, other: object) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

class StreamStats:
    heaps: int
    incomplete_heaps_evicted: int
    incomplete_heaps_flushed: int
    packets: int
    batches: int
    max_batch: int
    single_packet_heaps: int
    search_dist: int
    worker_blocked: int
    def __getitem__(self, key: str | SupportsIndex, /) -> int: ...
    def __setitem__(self, key: str | SupportsIndex, value: SupportsIndex, /) -> None: ...
    def __contains__(self, name: str, /) -> bool: ...
    @overload
    def get(self, name: str, default: None = None) -> int | None: ...
    @overload
    def get(self, name: str, default: _T) -> int | _T: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    def keys(self) -> Iterator[str]: ...
    def values(self) -> Iterator[int]: ...
    def items(self) -> Iterator[tuple[str, int]]: ...
    @property
    def config(self) -> list[StreamStatConfig]: ...
    def __add__(self, other: StreamStats, /) -> StreamStats: ...
    def __iadd__(self, other: StreamStats, /) -> Self: ...

class _StreamConfigOptions(TypedDict, total=False):
    # Options of StreamConfig: script/stubs
    max_heaps: int
    substreams: int
    bug_compat: int
    max_heap_size: int
    memcpy: int
    memory_allocator: MemoryAllocator
    stop_on_stop_item: bool
    stop_on_first_end: bool
    allow_unsized_heaps: bool
    allow_out_of_order: bool
    stream_id: int
    explicit_start: bool
    # End of options

class StreamConfig:
    DEFAULT_MAX_HEAPS: ClassVar[int]
    DEFAULT_MAX_HEAP_SIZE: ClassVar[int]
    # Options of StreamConfig: script/stubs
    max_heaps: int
    substreams: int
    bug_compat: int
    max_heap_size: int
    memcpy: int
    memory_allocator: MemoryAllocator
    stop_on_stop_item: bool
    stop_on_first_end: bool
    allow_unsized_heaps: bool
    allow_out_of_order: bool
    stream_id: int
    explicit_start: bool
    # End of options
    def __init__(self, **options: Unpack[_StreamConfigOptions]) -> None: ...
    @property
    def stats(self) -> list[StreamStatConfig]: ...
    def add_stat(self, name: str, mode: StreamStatConfig.Mode = ...) -> int: ...
    def next_stat_index(self) -> int: ...
    def get_stat_index(self, name: str) -> int: ...

class _RingStreamConfigOptions(TypedDict, total=False):
    # Options of RingStreamConfig: script/stubs
    heaps: int
    contiguous_only: bool
    incomplete_keep_payload_ranges: bool
    # End of options

class RingStreamConfig:
    DEFAULT_HEAPS: ClassVar[int]
    # Options of RingStreamConfig: script/stubs
    heaps: int
    contiguous_only: bool
    incomplete_keep_payload_ranges: bool
    # End of options
    def __init__(self, **options: Unpack[_RingStreamConfigOptions]) -> None: ...

class _UdpReaderOptions(TypedDict, total=False):
    # Options of add_udp_reader but max_size, buffer_size: script/stubs
    interface_address: str
    interface_index: int | None
    # End of options

class _TcpReaderOptions(TypedDict, total=False):
    # Options of add_tcp_reader but max_size, buffer_size: script/stubs
    ...
    # End of options

class _UdpIbvConfigOptions(TypedDict, total=False):
    # Options of UdpIbvConfig: script/stubs
    interface_address: str
    buffer_size: int
    max_size: int
    comp_vector: int
    max_poll: int
    # End of options
    endpoints: Iterable[tuple[str, int]]

class UdpIbvConfig:
    DEFAULT_BUFFER_SIZE: ClassVar[int]
    DEFAULT_MAX_SIZE: ClassVar[int]
    DEFAULT_MAX_POLL: ClassVar[int]
    # Options of UdpIbvConfig: script/stubs
    interface_address: str
    buffer_size: int
    max_size: int
    comp_vector: int
    max_poll: int
    # End of options
    @property
    def endpoints(self) -> list[tuple[str, int]]: ...
    @endpoints.setter
    def endpoints(self, endpoints: Iterable[tuple[str, int]]) -> None: ...
    def __init__(self, **options: Unpack[_UdpIbvConfigOptions]) -> None: ...

class FrameCapture:
    def __init__(self, config: UdpIbvConfig) -> None: ...
    def read(self, timeout: float = 0.1, most: int = 1024) -> tuple[int, bytes]: ...

class _Stream:
    DEFAULT_UDP_MAX_SIZE: ClassVar[int]
    DEFAULT_UDP_BUFFER_SIZE: ClassVar[int]
    DEFAULT_TCP_MAX_SIZE: ClassVar[int]
    DEFAULT_TCP_BUFFER_SIZE: ClassVar[int]
    @overload
    def add_udp_reader(
        self,
        port: int,
        max_size: int = ...,
        buffer_size: int = ...,
        bind_hostname: str = "",
        **options: Unpack[_UdpReaderOptions],
    ) -> None: ...
    @overload
    def add_udp_reader(
        self,
        multicast_group: str,
        port: int,
        max_size: int = ...,
        buffer_size: int = ...,
        **options: Unpack[_UdpReaderOptions],
    ) -> None: ...
    @overload
    def add_udp_reader(
        self,
        multicast_group: str,
        port: int,
        max_size: int,
        buffer_size: int,
        interface: str | int,
        /,
    ) -> None: ...
    @overload
    def add_udp_reader(self, socket: _socket.socket, max_size: int = ...) -> None: ...
    @overload
    def add_tcp_reader(
        self,
        port: int,
        max_size: int = ...,
        buffer_size: int = ...,
        bind_hostname: str = "",
        **options: Unpack[_TcpReaderOptions],
    ) -> None: ...
    @overload
    def add_tcp_reader(self, acceptor: _socket.socket, max_size: int = ...) -> None: ...
    def add_buffer_reader(self, buffer: Buffer) -> None: ...
    def add_inproc_reader(self, queue: InprocQueue) -> None: ...
    def add_udp_ibv_reader(self, config: UdpIbvConfig) -> None: ...
    # Readers: script/stubs
    def add_udp_pcap_file_reader(
        self,
        filename: str | bytes | os.PathLike[str] | os.PathLike[bytes],
        filter: str = "",
        *,
        at_own_pace: bool = False,
    ) -> None: ...
    # End of table
    def start(self) -> None: ...
    def stop(self) -> None: ...
    @property
    def stats(self) -> StreamStats: ...
    @property
    def config(self) -> StreamConfig: ...
    @property
    def stop_reason(self) -> str: ...

class Stream(_Stream):
    class Ringbuffer:
        def size(self) -> int: ...
        def capacity(self) -> int: ...

    def __init__(
        self,
        thread_pool: ThreadPool,
        config: StreamConfig = ...,
        ring_config: RingStreamConfig = ...,
    ) -> None: ...
    def get(self) -> Heap | IncompleteHeap: ...
    def get_nowait(self) -> Heap | IncompleteHeap: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Heap | IncompleteHeap: ...
    @property
    def fd(self) -> int: ...
    @property
    def ringbuffer(self) -> Stream.Ringbuffer: ...
    @property
    def ring_config(self) -> RingStreamConfig: ...

class Chunk:
    chunk_id: int
    stream_id: int
    data: Any
    present: Any
    extra: Any
    def __init__(
        self,
        *,
        chunk_id: int = ...,
        stream_id: int = ...,
        data: Buffer | None = ...,
        present: Buffer | None = ...,
        extra: Buffer | None = ...,
    ) -> None: ...

class ChunkRingbuffer:
    def __init__(self, maxsize: int) -> None: ...
    def qsize(self) -> int: ...
    @property
    def maxsize(self) -> int: ...
    def empty(self) -> bool: ...
    def full(self) -> bool: ...
    def get(self) -> Chunk: ...
    def get_nowait(self) -> Chunk: ...
    def put(self, chunk: Chunk) -> None: ...
    def put_nowait(self, chunk: Chunk) -> None: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Chunk: ...
    def stop(self) -> bool: ...
    def add_producer(self) -> None: ...
    def remove_producer(self) -> bool: ...
    @property
    def data_fd(self) -> int: ...
    @property
    def space_fd(self) -> int: ...

class ChunkRingPair:
    def add_free_chunk(self, chunk: Chunk) -> None: ...
    @property
    def data_ringbuffer(self) -> ChunkRingbuffer: ...
    @property
    def free_ringbuffer(self) -> ChunkRingbuffer: ...

class PlacementRule:
    def __init__(
        self,
        heap_size: int,
        time_per_chunk: int,
        axes: Iterable[Sequence[int]] = ...,
        time_per_heap: int = 0,
        *,
        time_item: int = 0,
        time_first: int = 0,
        time_stride: int = 0,
    ) -> None: ...

class ChunkStreamConfig:
    DEFAULT_MAX_CHUNKS: ClassVar[int]
    items: list[int]
    max_chunks: int
    place: tuple[Any, ...] | PlacementRule | None
    max_heap_extra: int
    def __init__(
        self,
        *,
        items: list[int] = ...,
        max_chunks: int = ...,
        place: tuple[Any, ...] | PlacementRule | None = ...,
        max_heap_extra: int = ...,
    ) -> None: ...
    @property
    def packet_presence_payload_size(self) -> int: ...
    def enable_packet_presence(self, payload_size: int) -> Self: ...
    def disable_packet_presence(self) -> Self: ...

class ChunkRingStream(_Stream, ChunkRingPair):
    @overload
    def __init__(
        self,
        thread_pool: ThreadPool,
        config: StreamConfig,
        chunk_stream_config: ChunkStreamConfig,
        data_ringbuffer: ChunkRingbuffer,
        free_ringbuffer: ChunkRingbuffer,
    ) -> None: ...
    @overload
    def __init__(
        self,
        thread_pool: ThreadPool,
        *,
        config: StreamConfig = ...,
        chunk_stream_config: ChunkStreamConfig,
        data_ringbuffer: ChunkRingbuffer,
        free_ringbuffer: ChunkRingbuffer,
    ) -> None: ...

class ChunkStreamGroupConfig:
    class EvictionMode(enum.Enum):
        LOSSY = 0
        LOSSLESS = 1

    DEFAULT_MAX_CHUNKS: ClassVar[int]
    max_chunks: int
    eviction_mode: ChunkStreamGroupConfig.EvictionMode
    def __init__(
        self,
        *,
        max_chunks: int = ...,
        eviction_mode: ChunkStreamGroupConfig.EvictionMode = ...,
    ) -> None: ...

class ChunkStreamGroupMember(_Stream): ...

class ChunkStreamRingGroup(ChunkRingPair):
    def __init__(
        self,
        config: ChunkStreamGroupConfig,
        data_ringbuffer: ChunkRingbuffer,
        free_ringbuffer: ChunkRingbuffer,
    ) -> None: ...
    @overload
    def emplace_back(
        self,
        thread_pool: ThreadPool,
        config: StreamConfig,
        chunk_stream_config: ChunkStreamConfig,
    ) -> ChunkStreamGroupMember: ...
    @overload
    def emplace_back(
        self,
        thread_pool: ThreadPool,
        *,
        config: StreamConfig = ...,
        chunk_stream_config: ChunkStreamConfig,
    ) -> ChunkStreamGroupMember: ...
    def stop(self) -> None: ...
    @property
    def config(self) -> ChunkStreamGroupConfig: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: SupportsIndex) -> ChunkStreamGroupMember: ...
    @overload
    def __getitem__(self, index: slice) -> list[ChunkStreamGroupMember]: ...
    def __iter__(self) -> Iterator[ChunkStreamGroupMember]: ...
    def __reversed__(self) -> Iterator[ChunkStreamGroupMember]: ...
    def __contains__(self, value: object) -> bool: ...
    def index(self, value: Any, start: int = 0, stop: int | None = ...) -> int: ...
    def count(self, value: Any) -> int: ...
