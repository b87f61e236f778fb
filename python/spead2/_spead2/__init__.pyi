# SPDX-License-Identifier: Apache-2.0
"""Types of the extension module. Its names are public through spead2 and spead2.send."""

import asyncio
import enum
from collections.abc import Callable, Iterable, Sequence
from typing import (
    Any,
    ClassVar,
    Final,
    Literal,
    SupportsFloat,
    SupportsIndex,
    TypedDict,
    final,
    overload,
)

import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer, Self, Unpack, disjoint_base

from .._item_group import ItemGroup
from .._items import Descriptor, Item

__version__: Final[str]
__distribution__: Final[str]

BUG_COMPAT_DESCRIPTOR_WIDTHS: Final[int]
BUG_COMPAT_PYSPEAD_0_5_2: Final[int]
BUG_COMPAT_SHAPE_BIT_1: Final[int]
BUG_COMPAT_SWAP_ENDIAN: Final[int]
CTRL_DESCRIPTOR_REISSUE: Final[int]
CTRL_DESCRIPTOR_UPDATE: Final[int]
CTRL_STREAM_START: Final[int]
CTRL_STREAM_STOP: Final[int]
DESCRIPTOR_DESCRIPTION_ID: Final[int]
DESCRIPTOR_DTYPE_ID: Final[int]
DESCRIPTOR_FORMAT_ID: Final[int]
DESCRIPTOR_ID: Final[int]
DESCRIPTOR_ID_ID: Final[int]
DESCRIPTOR_NAME_ID: Final[int]
DESCRIPTOR_SHAPE_ID: Final[int]
FIRST_FREE_ID: Final[int]
HEAP_CNT_ID: Final[int]
HEAP_LENGTH_ID: Final[int]
MEMCPY_NONTEMPORAL: Final[int]
MEMCPY_STD: Final[int]
NULL_ID: Final[int]
PAYLOAD_LENGTH_ID: Final[int]
PAYLOAD_OFFSET_ID: Final[int]
STREAM_CTRL_ID: Final[int]

_Which = Literal["stale", "all", "none"]

class _Transport:
    stream: str
    label: str
    text: str
    arguments: list[tuple[str, str, Any, str, Any]]
    packet_size: int
    largest_packet: int
    one_endpoint: bool

#: The table of transports, by name; see include/spead2/send/transports/table.h.
TRANSPORTS: Final[dict[str, _Transport]]
#: The options of each configuration and stream: name, type, default, text and limits.
OPTIONS: Final[dict[str, list[tuple[str, str, Any, str, Any]]]]

class Stopped(Exception): ...  # noqa: N818
class Empty(Exception): ...  # noqa: N818
class Full(Exception): ...  # noqa: N818
class RangeError(ValueError, IndexError): ...
class SocketSetupError(OSError, RuntimeError): ...

class Flavour:
    @overload
    def __init__(self) -> None: ...
    @overload
    def __init__(
        self, version: int, item_pointer_bits: int, heap_address_bits: int, bug_compat: int = 0
    ) -> None: ...
    @property
    def version(self) -> int: ...
    @property
    def item_pointer_bits(self) -> int: ...
    @property
    def heap_address_bits(self) -> int: ...
    @property
    def bug_compat(self) -> int: ...
    def __eq__(self, other: object) -> bool: ...
    def __ne__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

class ThreadPool:
    def __init__(
        self, threads: int = 1, affinity: Sequence[int] = [], *, priority: int = 0
    ) -> None: ...
    def stop(self) -> None: ...
    @staticmethod
    def set_affinity(core: int) -> None: ...

class InprocQueue:
    def __init__(self) -> None: ...
    def add_packet(self, packet: Buffer) -> None: ...
    def get_packet(self, timeout: float | None = None) -> bytes: ...
    def stop(self) -> None: ...
    def qsize(self) -> int: ...
    def __iter__(self) -> InprocQueue: ...
    def __next__(self) -> bytes: ...

def log_info(message: str) -> None: ...

class MemoryAllocator:
    def __init__(self) -> None: ...

class MmapAllocator(MemoryAllocator):
    def __init__(self, flags: int = 0, prefer_huge: bool = False) -> None: ...

class MemoryPool(MemoryAllocator):
    warn_on_empty: bool
    @overload
    def __init__(
        self,
        lower: int,
        upper: int,
        max_free: int,
        initial: int,
        allocator: MemoryAllocator | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        thread_pool: ThreadPool,
        lower: int,
        upper: int,
        max_free: int,
        initial: int,
        low_water: int,
        allocator: MemoryAllocator | None = None,
    ) -> None: ...

class RateMethod(enum.Enum):
    SW = 0
    HW = 1
    AUTO = 2

class GroupMode(enum.Enum):
    ROUND_ROBIN = 0
    SERIAL = 1

class _StreamConfigOptions(TypedDict, total=False):
    # Options of StreamConfig: script/stubs
    max_packet_size: int
    rate: float
    burst_size: int
    max_heaps: int
    burst_rate_ratio: float
    rate_method: RateMethod
    turn_packets: int
    # End of options

class StreamConfig:
    DEFAULT_MAX_PACKET_SIZE: ClassVar[int]
    DEFAULT_MAX_HEAPS: ClassVar[int]
    DEFAULT_BURST_SIZE: ClassVar[int]
    DEFAULT_BURST_RATE_RATIO: ClassVar[float]
    DEFAULT_RATE_METHOD: ClassVar[RateMethod]
    DEFAULT_TURN_PACKETS: ClassVar[int]
    # Options of StreamConfig: script/stubs
    max_packet_size: int
    rate: float
    burst_size: int
    max_heaps: int
    burst_rate_ratio: float
    rate_method: RateMethod
    turn_packets: int
    # End of options
    def __init__(self, **options: Unpack[_StreamConfigOptions]) -> None: ...
    @property
    def burst_rate(self) -> float: ...

@disjoint_base
class DescriptorBase:
    id: int
    name: str
    description: str
    @property
    def shape(self) -> tuple[int | None, ...]: ...
    @shape.setter
    def shape(self, value: Iterable[int | None]) -> None: ...
    @property
    def dtype(self) -> np.dtype[Any] | None: ...
    @dtype.setter
    def dtype(self, value: npt.DTypeLike | None) -> None: ...
    order: str
    format: Sequence[tuple[str, int]] | None
    @property
    def itemsize_bits(self) -> int: ...
    @property
    def _array_dtype(self) -> np.dtype[Any]: ...
    def allow_immediate(self) -> bool: ...
    def is_variable_size(self) -> bool: ...
    def _set_encoding(
        self,
        kind: int,
        dtype: np.dtype[Any],
        bits: int,
        shape: tuple[int | None, ...],
        fortran_order: bool,
        number: str,
        big_endian: bool,
        plan: tuple[Any, list[tuple[str, int]]],
        /,
    ) -> None: ...
    def _describe_as(
        self, other: DescriptorBase, id: int, name: str, description: str, /
    ) -> None: ...
    @property
    def _plan(self) -> tuple[Any, list[tuple[str, int]]]: ...

class ItemBase(DescriptorBase):
    value: Any
    version: int
    def _set_first_value(self, value: Any, /) -> None: ...

class RawDescriptor:
    id: int
    name: bytes
    description: bytes
    numpy_header: bytes
    def __init__(self) -> None: ...
    @property
    def shape(self) -> list[int | None]: ...
    @shape.setter
    def shape(self, value: Sequence[int | None]) -> None: ...
    @property
    def format(self) -> list[tuple[str, int]]: ...
    @format.setter
    def format(self, value: Sequence[tuple[str, int]]) -> None: ...

def set_from_raw(item: Item, raw_item: Any, new_order: Any, /) -> None: ...
def update_items(
    by_id: dict[int, Item], heap: Any, new_order: Any, warn: Callable[..., None], /
) -> dict[str, Item]: ...
def _set_item_class(item_class: type[Item], /) -> None: ...
def _set_item_group_class(item_group_class: type[ItemGroup], /) -> None: ...
def pack_bits(array: npt.NDArray[Any], signed: bool, code: str, bits: int) -> bytearray: ...
def pack_fields(elements: list[Any], fields: list[tuple[str, int]]) -> bytearray: ...
def is_legal_field(code: str, bits: int) -> bool: ...
def out_of_range_text(number: int, code: str, bits: int, wraps: bool = False) -> str: ...

LEGAL_FIELDS: Final[str]
MAX_FIELD_BITS: Final[int]

@disjoint_base
class Heap:
    repeat_pointers: bool
    def __init__(self, flavour: Flavour = ...) -> None: ...
    @property
    def flavour(self) -> Flavour: ...
    def add_item(self, item: Item, /) -> None: ...
    def add_descriptor(self, descriptor: Descriptor, /) -> None: ...
    def add_start(self) -> None: ...
    def add_end(self) -> None: ...
    def set_part(self, pointers: Literal["none", "first", "every"]) -> None: ...
    def add_item_part(
        self,
        item: Item,
        length: SupportsIndex,
        *,
        offset: SupportsIndex = 0,
        count: SupportsIndex = 1,
        stride: SupportsIndex = 0,
    ) -> None: ...
    def add_item_elsewhere(self, id: SupportsIndex, length: SupportsIndex) -> None: ...
    def add_replicated_item(self, item: Item, held: bool) -> None: ...
    def add_descriptor_elsewhere(self, descriptor: Descriptor, /) -> None: ...
    def set_part_padding(self, length: SupportsIndex, held: bool) -> None: ...
    def set_pointer_order(
        self, ids: Iterable[SupportsIndex], *, missing_ok: bool = False
    ) -> None: ...
    @property
    def is_part(self) -> bool: ...
    @property
    def held_size(self) -> int: ...
    @property
    def payload_size(self) -> int: ...
    @property
    def pointer_order(self) -> tuple[int, ...]: ...

class DescriptorSchedule:
    def __init__(self) -> None: ...
    def is_due(self, heap: SupportsIndex, interval: SupportsIndex | None) -> bool: ...
    def sent(self, heap: SupportsIndex) -> None: ...

def share_of_axis(length: int, rank: int, size: int) -> tuple[int, int]: ...
def part_padding(n_pointers: int, held: int) -> int: ...

@disjoint_base
class HeapReference:
    cnt: int
    substream_index: int
    rate: float
    def __new__(
        cls,
        heap: Heap,
        *,
        cnt: SupportsIndex = -1,
        substream_index: SupportsIndex = 0,
        rate: SupportsFloat = -1.0,
    ) -> Self: ...
    @property
    def heap(self) -> Heap: ...

@final
class HeapReferenceList:
    def __new__(cls, heaps: Iterable[HeapReference]) -> Self: ...
    def __len__(self) -> int: ...
    def __getitem__(self, key: slice, /) -> HeapReferenceList: ...

class PacketGenerator:
    def __init__(self, heap: Heap, cnt: int, max_packet_size: int) -> None: ...
    def __iter__(self) -> PacketGenerator: ...
    def __next__(self) -> bytes: ...

@disjoint_base
class HeapGeneratorBase:
    def __init__(
        self,
        item_group: ItemGroup | None,
        descriptor_frequency: int | None = None,
        flavour: Flavour = ...,
    ) -> None: ...
    def add_to_heap(
        self,
        heap: Heap,
        descriptors: _Which = "stale",
        data: _Which = "stale",
        item_group: ItemGroup | None = None,
    ) -> Heap: ...
    def get_heap(
        self,
        descriptors: _Which = "stale",
        data: _Which = "stale",
        item_group: ItemGroup | None = None,
    ) -> Heap: ...
    def get_start(self) -> Heap: ...
    def get_end(self) -> Heap: ...

class Stream:
    def set_cnt_sequence(self, next: int, step: int) -> None: ...
    @property
    def num_substreams(self) -> int: ...

class SyncStream(Stream):
    def send_heap(
        self,
        heap: Heap,
        cnt: SupportsIndex = -1,
        substream_index: SupportsIndex = 0,
        rate: SupportsFloat = -1.0,
    ) -> int: ...
    def send_heaps(
        self,
        heaps: Iterable[HeapReference] | HeapReferenceList,
        mode: GroupMode,
        *,
        turn_packets: int | None = None,
    ) -> int: ...

class AsyncStream(Stream):
    @property
    def fd(self) -> int: ...
    def async_send_heap(
        self,
        heap: Heap,
        cnt: SupportsIndex = -1,
        substream_index: SupportsIndex = 0,
        rate: SupportsFloat = -1.0,
    ) -> asyncio.Future[int]: ...
    def async_send_heaps(
        self,
        heaps: Iterable[HeapReference] | HeapReferenceList,
        mode: GroupMode,
        *,
        turn_packets: int | None = None,
    ) -> asyncio.Future[int]: ...
    async def async_flush(self) -> None: ...
    def _flush_future(self) -> asyncio.Future[None]: ...
    def flush(self) -> None: ...
    def process_callbacks(self) -> None: ...

class ConnectToken:
    def __init__(self) -> None: ...
    def cancel(self) -> None: ...
