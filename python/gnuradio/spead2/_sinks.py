# SPDX-License-Identifier: GPL-3.0-or-later
"""The two sinks, and their one-line forms that make the stream as well."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import spead2.send

from . import spead2_python as _blocks
from ._items import ItemLike, to_item, to_items
from ._options import HEAP_SINK, PDU_HEAP_SINK, make, split, takes
from ._transports import TRANSPORTS, EndpointLike, open_stream
from .spead2_python import HeapSink, PduHeapSink


@takes(HEAP_SINK)
def heap_sink(
    stream: spead2.send.Stream, items: ItemLike | Iterable[ItemLike], **options: Any
) -> HeapSink:
    """Make a block that sends tagged packets of samples as heaps.

    Parameters
    ----------
    stream
        `udp`, `tcp`, `ibv`, or any stream made with :mod:`spead2.send`; several sinks may use the
        same.
    items
        One an input port: made with `item`, a :class:`spead2.Descriptor`, or a tuple of `item`'s
        arguments. All ports have to agree on where heaps begin and end.
    OPTIONS

    Raises
    ------
    ValueError
        If an argument makes no sense; the text says which and why.
    """
    (values,) = split("heap_sink", options, HEAP_SINK)
    return _blocks.heap_sink(stream, to_items(items), make(_blocks.HeapSinkOptions, values))


@takes(PDU_HEAP_SINK)
def pdu_heap_sink(stream: spead2.send.Stream, item: ItemLike, **options: Any) -> PduHeapSink:
    """Make a block that sends each PDU of its message port "pdus" as a heap.

    Parameters
    ----------
    stream
        As for `heap_sink`.
    item
        What the PDUs' vectors are: made with `item`, a :class:`spead2.Descriptor`, or a tuple.
    OPTIONS

    Raises
    ------
    ValueError
        If an argument makes no sense; the text says which and why.
    """
    (values,) = split("pdu_heap_sink", options, PDU_HEAP_SINK)
    return _blocks.pdu_heap_sink(stream, to_item(item), make(_blocks.PduHeapSinkOptions, values))


def _one_step_heap_sink(name: str, endpoints: Any, items: Any, options: dict[str, Any]) -> HeapSink:
    values, rest = split(f"{name}_heap_sink", options, HEAP_SINK, TRANSPORTS[name].all_options)
    # Mistakes show before anything is sent, or connected to.
    described = to_items(items)
    checked = make(_blocks.HeapSinkOptions, values)
    return _blocks.heap_sink(open_stream(name, endpoints, rest), described, checked)


@takes(HEAP_SINK, TRANSPORTS["udp"].all_options)
def udp_heap_sink(
    endpoints: EndpointLike | Iterable[EndpointLike],
    items: ItemLike | Iterable[ItemLike],
    **options: Any,
) -> HeapSink:
    """Make a `heap_sink` with a UDP stream of its own: ``heap_sink(udp(endpoints), items)``.

    Parameters
    ----------
    endpoints, items
        As for `udp` and `heap_sink`.
    OPTIONS
    """
    return _one_step_heap_sink("udp", endpoints, items, options)


@takes(HEAP_SINK, TRANSPORTS["tcp"].all_options)
def tcp_heap_sink(
    endpoints: EndpointLike | Iterable[EndpointLike],
    items: ItemLike | Iterable[ItemLike],
    **options: Any,
) -> HeapSink:
    """Make a `heap_sink` with a TCP stream of its own: ``heap_sink(tcp(endpoints), items)``.

    Parameters
    ----------
    endpoints, items
        As for `tcp` and `heap_sink`.
    OPTIONS
    """
    return _one_step_heap_sink("tcp", endpoints, items, options)


@takes(HEAP_SINK, (o for o in TRANSPORTS["ibv"].all_options if o.name != "interface_address"))
def ibv_heap_sink(
    endpoints: EndpointLike | Iterable[EndpointLike],
    interface_address: str,
    items: ItemLike | Iterable[ItemLike],
    **options: Any,
) -> HeapSink:
    """Make a `heap_sink` with an ibverbs stream of its own.

    ``heap_sink(ibv(endpoints, interface_address=interface_address), items)``.

    Parameters
    ----------
    endpoints, interface_address, items
        As for `ibv` and `heap_sink`.
    OPTIONS
    """
    options["interface_address"] = interface_address
    return _one_step_heap_sink("ibv", endpoints, items, options)


@takes(PDU_HEAP_SINK, TRANSPORTS["udp"].all_options)
def udp_pdu_heap_sink(
    endpoints: EndpointLike | Iterable[EndpointLike], item: ItemLike, **options: Any
) -> PduHeapSink:
    """Make a `pdu_heap_sink` with a UDP stream of its own: ``pdu_heap_sink(udp(endpoints), item)``.

    Parameters
    ----------
    endpoints, item
        As for `udp` and `pdu_heap_sink`.
    OPTIONS
    """
    udp_options = TRANSPORTS["udp"].all_options
    values, rest = split("udp_pdu_heap_sink", options, PDU_HEAP_SINK, udp_options)
    described = to_item(item)
    checked = make(_blocks.PduHeapSinkOptions, values)
    return _blocks.pdu_heap_sink(open_stream("udp", endpoints, rest), described, checked)
