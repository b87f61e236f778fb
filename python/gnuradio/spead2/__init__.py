# SPDX-License-Identifier: GPL-3.0-or-later
"""SPEAD sinks: blocks that send tagged packets of samples, or PDUs, as SPEAD heaps.

`heap_sink` and `pdu_heap_sink` take any stream made with :mod:`spead2.send`; those with a transport
in their name make their own. What goes into the heaps is described with `item`, `tag_item`,
`counter_item` and `constant_item`.
"""

from __future__ import annotations

import numbers
import operator
import re
from collections.abc import Iterable, Sequence
from typing import Any, Union

import numpy as np
from gnuradio import gr  # noqa: F401  registers the type of blocks

import spead2
import spead2.send  # registers the type of streams
from spead2 import Flavour

from . import spead2_python as _blocks
from .spead2_python import HeapSink, Item, PduHeapSink, ScalarItem

__all__ = [
    "Flavour",
    "HeapSink",
    "Item",
    "PduHeapSink",
    "ScalarItem",
    "constant_item",
    "counter_item",
    "heap_sink",
    "ibv_heap_sink",
    "item",
    "pdu_heap_sink",
    "tag_item",
    "tcp_heap_sink",
    "udp_heap_sink",
    "udp_pdu_heap_sink",
]

DType = Any  # what numpy takes, or a name of this module
ItemLike = Union[Item, "spead2.Descriptor", Sequence[Any]]
EndpointLike = tuple[str, int]
Value = Union[int, float, str]

_GNURADIO_NAMES = frozenset(("complex", "float", "int", "short", "byte", "sc8", "sc16"))


def _sample_dtype(dtype: DType) -> str:
    # GNU Radio's names come first: its "int" has 32 bits, numpy's 64.
    if isinstance(dtype, str) and dtype in _GNURADIO_NAMES:
        return dtype
    try:
        return str(np.dtype(dtype).str)
    except TypeError:
        return str(dtype)  # the block says which there are


def _scalar_dtype(dtype: DType) -> str:
    if dtype is str:
        return "str"
    # Passed on as they are, since numpy has no name for uint48 and its like.
    if isinstance(dtype, str) and re.fullmatch(r"str|(u?int|float)\d+", dtype):
        return dtype
    return str(np.dtype(dtype).name)


def item(
    id: int, name: str, description: str, dtype: DType, shape: Sequence[int] | int = ()
) -> Item:
    """Describe the samples of an input port, or of PDUs.

    Parameters
    ----------
    id
        Item ID; 0x1000 and above are free to use.
    name, description
        ASCII texts for the receiver.
    dtype
        Type of an element: what numpy takes, or a name of GNU Radio ("complex", "float", "int",
        "short", "byte"), or "sc8" and "sc16" for complex numbers as pairs of integers.
    shape
        Elements of one item of GNU Radio's; empty for one, ``n`` or ``(n,)`` for vectors.

    Raises
    ------
    ValueError
        If GNU Radio has no streams of this type.
    """
    number = _whole("id", id, 0)
    for text in (name, description):
        if not isinstance(text, str):
            raise TypeError(f"item {number:#x}: {text!r} must be a str")
    if isinstance(shape, (str, bytes)):
        raise TypeError(f"item {name!r}: shape is {shape!r}, but must be a number or a tuple")
    dimensions = tuple(shape) if isinstance(shape, Iterable) else (shape,)
    sizes = [_whole(f"item {name!r}: a dimension", n) for n in dimensions]
    return Item(number, name, description, _sample_dtype(dtype), sizes)


def tag_item(
    id: int,
    name: str,
    description: str,
    key: str,
    *,
    dtype: DType = "uint64",
    sticky: bool = True,
    port: int = 0,
    rate: float = 0.0,
    step: float = 0.0,
    initial: Value | None = None,
) -> ScalarItem:
    """Describe an item with the value of a stream tag (for PDUs: of a metadata entry).

    A value that `dtype` cannot hold is left out, counted and logged.

    Parameters
    ----------
    id, name, description
        As for `item`.
    key
        Key of the tag, for example "rx_freq".
    dtype
        "uint8" to "uint64" and "int8" to "int64" in steps of 8 bits, "float32", "float64", "str".
    sticky
        True: a heap has the value of the last tag at or before its first sample. False: a heap
        in which the tag stands has its value (the first one's), others have none.
    port
        Input port that the tag is read from.
    rate
        A time (UHD's rx_time) becomes ticks of this rate; without it, seconds in a float `dtype`.
    step
        Added for each sample from the tag to the heap's first one.
    initial
        Value where there is no tag (yet). Without it the item is left out there.
    """
    return _blocks.tag_item(
        _whole("id", id, 0),
        name,
        description,
        key,
        _scalar_dtype(dtype),
        sticky,
        _whole("port", port),
        _number("rate", rate),
        _number("step", step),
        None if initial is None else _value("initial", initial),
    )


def counter_item(
    id: int,
    name: str,
    description: str,
    *,
    start: int = 0,
    step: int = 1,
    dtype: DType = "uint64",
) -> ScalarItem:
    """Describe an item that counts samples: a timestamp.

    Its value is `start` plus `step` times the number of the heap's first sample since the flowgraph
    started, modulo what `dtype` holds.
    """
    # The counter wraps at the size of the dtype, so it may start below 0 as well.
    first = _whole("start", start, most=2**64 - 1) % 2**64
    return _blocks.counter_item(
        _whole("id", id, 0), name, description, first, step, _scalar_dtype(dtype)
    )


def constant_item(
    id: int, name: str, description: str, value: Value, dtype: DType = None
) -> ScalarItem:
    """Describe an item with the same `value` in every heap.

    Without a `dtype` it is int64, float64 or str, whatever `value` is.
    """
    code = "" if dtype is None else _scalar_dtype(dtype)
    return _blocks.constant_item(
        _whole("id", id, 0), name, description, _value("value", value), code
    )


def _to_item(value: ItemLike) -> Item:
    if isinstance(value, Item):
        return value
    if isinstance(value, spead2.Descriptor):
        if value.dtype is None:
            raise ValueError(
                f"item {value.name!r} has a format; the samples of GNU Radio need a dtype"
            )
        return item(value.id, value.name, value.description, value.dtype, value.shape)
    if isinstance(value, list) and value and isinstance(value[0], (tuple, list, Item)):
        raise TypeError(f"{value!r} is a list of items, but one item is needed")
    if not isinstance(value, (tuple, list)) or len(value) not in (4, 5):
        raise TypeError(
            f"{value!r} is no item; use item(...), a spead2.Descriptor, or a tuple (id, name, "
            "description, dtype) with the shape as a fifth for vectors"
        )
    return item(*value)


def _to_items(values: ItemLike | Iterable[ItemLike]) -> list[Item]:
    if isinstance(values, (Item, spead2.Descriptor)):
        return [_to_item(values)]
    if isinstance(values, (tuple, list)) and values and isinstance(values[0], numbers.Real):
        return [_to_item(values)]
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"items is {values!r}, but must be an item or a list of items")
    return [_to_item(value) for value in values]  # type: ignore[arg-type]


def _to_endpoints(values: EndpointLike | Iterable[EndpointLike]) -> list[EndpointLike]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"endpoints is {values!r}, but must be (host, port) or a list of those")
    entries: list[Any] = list(values)
    if len(entries) == 2 and isinstance(entries[0], str):
        entries = [tuple(entries)]  # one (host, port)
    for entry in entries:
        if not isinstance(entry, (tuple, list)) or len(entry) != 2 or not isinstance(entry[0], str):
            raise TypeError(f"endpoint {entry!r} must be (host, port)")
    return [(host, _whole("port", port)) for host, port in entries]


def _whole(name: str, value: Any, least: int = -(2**63), most: int = 2**63 - 1) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}, but must be a whole number (int)") from None
    if number < least:
        raise ValueError(f"{name} is {number}, but must be at least {least}")
    if number > most:
        raise ValueError(f"{name} is {number}, but must be at most {most}")
    return number


def _number(name: str, value: Any) -> float:
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is {value!r}, but must be a number")
    return float(value)


def _value(name: str, value: Any) -> Value:
    """Make Python's own of numpy's numbers, so that no fraction gets lost on the way."""
    if isinstance(value, (numbers.Integral, np.bool_)):
        return _whole(name, int(value), most=2**64 - 1)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, str):
        return value
    raise TypeError(f"{name} is {value!r}, but must be a number or a str")


_COUNTS = frozenset(
    ("samples_per_heap", "descriptor_interval", "max_packet_size", "buffer_size", "max_heaps")
)
_TEXTS = frozenset(("length_tag", "on_bad_tag", "on_send_error", "interface_address"))


def _options(kind: Any, **options: Any) -> Any:
    """Make the options of a block or a stream; errors name the one that is wrong."""
    for name, value in options.items():
        if name in _COUNTS:
            options[name] = _whole(name, value, 0)
        elif name in _TEXTS:
            if not isinstance(value, str):
                raise TypeError(f"{name} is {value!r}, but must be a str")
        elif name == "rate":
            options[name] = _number(name, value)
        elif name in ("comp_vector", "max_poll") or (name == "ttl" and value is not None):
            options[name] = _whole(name, value)
        elif name == "scalars":
            options[name] = _to_scalars(value)
        elif name == "substream" and not isinstance(value, str):
            options[name] = _whole(name, value)
        elif name == "flavour":
            options[name] = Flavour() if value is None else value
            if not isinstance(options[name], Flavour):
                raise TypeError(f"flavour is {value!r}, but must be a spead2.Flavour")
    return kind(**options)


def _to_scalars(values: Any) -> list[ScalarItem]:
    if isinstance(values, ScalarItem):
        return [values]
    scalars = list(values) if isinstance(values, Iterable) else [values]
    for value in scalars:
        if not isinstance(value, ScalarItem):
            raise TypeError(
                f"scalars has {value!r}; use tag_item, counter_item and constant_item to make them"
            )
    return scalars


def heap_sink(
    stream: spead2.send.Stream,
    items: ItemLike | Iterable[ItemLike],
    *,
    length_tag: str = "packet_len",
    samples_per_heap: int = 0,
    variable_length: bool = False,
    scalars: Iterable[ScalarItem] = (),
    descriptor_interval: int = 0,
    substream: int | str = 0,
    on_bad_tag: str = "error",
    on_send_error: str = "count",
    send_start: bool = True,
    send_end: bool = True,
    flavour: Flavour | None = None,
) -> HeapSink:
    """Make a block that sends tagged packets of samples as heaps.

    Parameters
    ----------
    stream
        Any stream made with :mod:`spead2.send`; several sinks may use the same.
    items
        One an input port: made with `item`, a :class:`spead2.Descriptor`, or a tuple of `item`'s
        arguments. All ports have to agree on where heaps begin and end.
    length_tag
        Key of the stream tag on a packet's first sample whose value is the packet's length.
    samples_per_heap
        Not 0: that many samples make a heap, and length tags are not looked at.
    variable_length
        False: all packets are as long as the first one, are described by a numpy header, and are
        sent from GNU Radio's buffer without a copy. True: lengths differ; the items have a
        variable first dimension and network byte order, complex ones one more dimension of 2.
    scalars
        More items: `tag_item`, `counter_item`, `constant_item`.
    descriptor_interval
        Descriptors go with the first heap of each substream, and again every so many of its
        heaps; 0: never again.
    substream
        Where heaps go: a number, "round_robin", or "tag:KEY" for the value of a tag of port 0 at
        or before the heap's first sample.
    on_bad_tag
        "error": a tag that makes no heap stops the flowgraph, with a message. "resync": it is
        counted and logged, and the next good tag starts a heap. Samples between are dropped
        and counted.
    on_send_error
        "count": a heap that cannot be sent is counted and logged. "error": it also stops the
        flowgraph.
    send_start, send_end
        Start-of-stream and end-of-stream heaps when the flowgraph starts and stops. Of several
        sinks on one stream, the first to start and the last to stop send them.
    flavour
        SPEAD flavour; SPEAD-64-40 by default.

    Raises
    ------
    ValueError
        If an argument makes no sense; the text says which and why.
    """
    options = _options(
        _blocks.HeapSinkOptions,
        length_tag=length_tag,
        samples_per_heap=samples_per_heap,
        variable_length=variable_length,
        scalars=scalars,
        descriptor_interval=descriptor_interval,
        substream=substream,
        on_bad_tag=on_bad_tag,
        on_send_error=on_send_error,
        send_start=send_start,
        send_end=send_end,
        flavour=flavour,
    )
    return _blocks.heap_sink(stream, _to_items(items), options)


def udp_heap_sink(
    endpoints: EndpointLike | Iterable[EndpointLike],
    items: ItemLike | Iterable[ItemLike],
    *,
    length_tag: str = "packet_len",
    samples_per_heap: int = 0,
    variable_length: bool = False,
    scalars: Iterable[ScalarItem] = (),
    descriptor_interval: int = 0,
    substream: int | str = 0,
    on_bad_tag: str = "error",
    on_send_error: str = "count",
    send_start: bool = True,
    send_end: bool = True,
    flavour: Flavour | None = None,
    max_packet_size: int = 1472,
    rate: float = 0.0,
    ttl: int | None = None,
    interface_address: str = "",
    buffer_size: int = 512 * 1024,
    max_heaps: int = 16,
) -> HeapSink:
    """Make a `heap_sink` with a UDP stream of its own.

    Parameters
    ----------
    endpoints
        (host, port), or a list of those: one substream each.
    items, length_tag, ..., flavour
        As for `heap_sink`.
    max_packet_size
        Bytes of UDP payload of a packet; 8972 where the network takes jumbo frames.
    rate
        Bytes of packets per second; 0: as fast as possible.
    ttl
        Hop limit for multicast; the endpoints must then be multicast.
    interface_address
        Local address to send from.
    buffer_size
        Bytes of the socket's buffer; 0: the system's.
    max_heaps
        Heaps that may wait in the stream's queue.

    Raises
    ------
    ValueError, OSError, RuntimeError
        As `heap_sink`; if the operating system refuses; if a host name is not known.
    """
    options = _options(
        _blocks.HeapSinkOptions,
        length_tag=length_tag,
        samples_per_heap=samples_per_heap,
        variable_length=variable_length,
        scalars=scalars,
        descriptor_interval=descriptor_interval,
        substream=substream,
        on_bad_tag=on_bad_tag,
        on_send_error=on_send_error,
        send_start=send_start,
        send_end=send_end,
        flavour=flavour,
    )
    stream_options = _options(
        _blocks.UdpStreamOptions,
        max_packet_size=max_packet_size,
        rate=rate,
        ttl=ttl,
        interface_address=interface_address,
        buffer_size=buffer_size,
        max_heaps=max_heaps,
    )
    return _blocks.udp_heap_sink(
        _to_endpoints(endpoints), _to_items(items), options, stream_options
    )


def tcp_heap_sink(
    endpoints: EndpointLike | Iterable[EndpointLike],
    items: ItemLike | Iterable[ItemLike],
    *,
    length_tag: str = "packet_len",
    samples_per_heap: int = 0,
    variable_length: bool = False,
    scalars: Iterable[ScalarItem] = (),
    descriptor_interval: int = 0,
    substream: int | str = 0,
    on_bad_tag: str = "error",
    on_send_error: str = "count",
    send_start: bool = True,
    send_end: bool = True,
    flavour: Flavour | None = None,
    max_packet_size: int = 65536,
    rate: float = 0.0,
    interface_address: str = "",
    buffer_size: int = 208 * 1024,
    max_heaps: int = 16,
) -> HeapSink:
    """Make a `heap_sink` with a TCP connection of its own, which is made at once.

    Parameters
    ----------
    endpoints
        (host, port), or a list of exactly one.
    items, length_tag, ..., flavour
        As for `heap_sink`.
    max_packet_size, rate, interface_address, buffer_size, max_heaps
        As for `udp_heap_sink`.

    Raises
    ------
    ValueError, OSError, RuntimeError
        As `heap_sink`; if the connection is refused; if a host name is not known.
    """
    options = _options(
        _blocks.HeapSinkOptions,
        length_tag=length_tag,
        samples_per_heap=samples_per_heap,
        variable_length=variable_length,
        scalars=scalars,
        descriptor_interval=descriptor_interval,
        substream=substream,
        on_bad_tag=on_bad_tag,
        on_send_error=on_send_error,
        send_start=send_start,
        send_end=send_end,
        flavour=flavour,
    )
    stream_options = _options(
        _blocks.TcpStreamOptions,
        max_packet_size=max_packet_size,
        rate=rate,
        interface_address=interface_address,
        buffer_size=buffer_size,
        max_heaps=max_heaps,
    )
    return _blocks.tcp_heap_sink(
        _to_endpoints(endpoints), _to_items(items), options, stream_options
    )


def ibv_heap_sink(
    endpoints: EndpointLike | Iterable[EndpointLike],
    interface_address: str,
    items: ItemLike | Iterable[ItemLike],
    *,
    length_tag: str = "packet_len",
    samples_per_heap: int = 0,
    variable_length: bool = False,
    scalars: Iterable[ScalarItem] = (),
    descriptor_interval: int = 0,
    substream: int | str = 0,
    on_bad_tag: str = "error",
    on_send_error: str = "count",
    send_start: bool = True,
    send_end: bool = True,
    flavour: Flavour | None = None,
    max_packet_size: int = 1472,
    rate: float = 0.0,
    ttl: int = 1,
    buffer_size: int = 512 * 1024,
    comp_vector: int = 0,
    max_poll: int = 10,
    max_heaps: int = 16,
) -> HeapSink:
    """Make a `heap_sink` that sends UDP multicast past the kernel, through ibverbs.

    Parameters
    ----------
    endpoints
        (host, port) or a list of those, IPv4 multicast: one substream each.
    interface_address
        IPv4 address of the interface to send from; a verbs device must own it.
    items, length_tag, ..., flavour
        As for `heap_sink`.
    max_packet_size, rate, max_heaps
        As for `udp_heap_sink`.
    ttl, buffer_size, comp_vector, max_poll
        As for :class:`spead2.send.UdpIbvConfig`.

    Raises
    ------
    ValueError, OSError, RuntimeError
        As `heap_sink`; if the device refuses; if a host name is not known or there are no ibverbs
        libraries.
    """
    options = _options(
        _blocks.HeapSinkOptions,
        length_tag=length_tag,
        samples_per_heap=samples_per_heap,
        variable_length=variable_length,
        scalars=scalars,
        descriptor_interval=descriptor_interval,
        substream=substream,
        on_bad_tag=on_bad_tag,
        on_send_error=on_send_error,
        send_start=send_start,
        send_end=send_end,
        flavour=flavour,
    )
    stream_options = _options(
        _blocks.IbvStreamOptions,
        max_packet_size=max_packet_size,
        rate=rate,
        ttl=ttl,
        buffer_size=buffer_size,
        comp_vector=comp_vector,
        max_poll=max_poll,
        max_heaps=max_heaps,
    )
    return _blocks.ibv_heap_sink(
        _to_endpoints(endpoints), interface_address, _to_items(items), options, stream_options
    )


def pdu_heap_sink(
    stream: spead2.send.Stream,
    item: ItemLike,
    *,
    variable_length: bool = True,
    scalars: Iterable[ScalarItem] = (),
    descriptor_interval: int = 0,
    substream: int | str = 0,
    on_send_error: str = "count",
    send_start: bool = True,
    send_end: bool = True,
    flavour: Flavour | None = None,
) -> PduHeapSink:
    """Make a block that sends each PDU of its message port "pdus" as a heap.

    Parameters
    ----------
    stream
        Any stream made with :mod:`spead2.send`.
    item
        What the PDUs' vectors are: made with `item`, a :class:`spead2.Descriptor`, or a tuple.
    variable_length, descriptor_interval, on_send_error, send_start, send_end, flavour
        As for `heap_sink`.
    scalars
        `tag_item` takes an entry of the metadata dictionary, `counter_item` counts the samples of
        the PDUs before.
    substream
        As for `heap_sink`; "tag:KEY" is the metadata entry KEY.

    Raises
    ------
    ValueError
        If an argument makes no sense; the text says which and why.
    """
    options = _options(
        _blocks.PduHeapSinkOptions,
        variable_length=variable_length,
        scalars=scalars,
        descriptor_interval=descriptor_interval,
        substream=substream,
        on_send_error=on_send_error,
        send_start=send_start,
        send_end=send_end,
        flavour=flavour,
    )
    return _blocks.pdu_heap_sink(stream, _to_item(item), options)


def udp_pdu_heap_sink(
    endpoints: EndpointLike | Iterable[EndpointLike],
    item: ItemLike,
    *,
    variable_length: bool = True,
    scalars: Iterable[ScalarItem] = (),
    descriptor_interval: int = 0,
    substream: int | str = 0,
    on_send_error: str = "count",
    send_start: bool = True,
    send_end: bool = True,
    flavour: Flavour | None = None,
    max_packet_size: int = 1472,
    rate: float = 0.0,
    ttl: int | None = None,
    interface_address: str = "",
    buffer_size: int = 512 * 1024,
    max_heaps: int = 16,
) -> PduHeapSink:
    """Make a `pdu_heap_sink` with a UDP stream of its own.

    Parameters
    ----------
    endpoints, max_packet_size, rate, ttl, interface_address, buffer_size, max_heaps
        As for `udp_heap_sink`.
    item, variable_length, ..., flavour
        As for `pdu_heap_sink`.
    """
    options = _options(
        _blocks.PduHeapSinkOptions,
        variable_length=variable_length,
        scalars=scalars,
        descriptor_interval=descriptor_interval,
        substream=substream,
        on_send_error=on_send_error,
        send_start=send_start,
        send_end=send_end,
        flavour=flavour,
    )
    stream_options = _options(
        _blocks.UdpStreamOptions,
        max_packet_size=max_packet_size,
        rate=rate,
        ttl=ttl,
        interface_address=interface_address,
        buffer_size=buffer_size,
        max_heaps=max_heaps,
    )
    return _blocks.udp_pdu_heap_sink(
        _to_endpoints(endpoints), _to_item(item), options, stream_options
    )
