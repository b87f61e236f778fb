# SPDX-License-Identifier: GPL-3.0-or-later
"""The two sources, and their one-line forms that make the stream as well."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import spead2.recv

from . import spead2_python as _blocks
from ._items import ItemLike, to_item, to_items
from ._options import HEAP_SOURCE, PDU_HEAP_SOURCE, make, split, takes
from ._receivers import RECEIVERS, AddressLike, FileLike, open_receiver
from .spead2_python import HeapSource, PduHeapSource


@takes(HEAP_SOURCE)
def heap_source(
    stream: spead2.recv.Stream, items: ItemLike | Iterable[ItemLike], **options: Any
) -> HeapSource:
    """Make a block that receives heaps and puts out their samples.

    Parameters
    ----------
    stream
        `udp_receiver`, `tcp_receiver`, `ibv_receiver`, `pcap_receiver`, or any stream made with
        :mod:`spead2.recv`. It receives at once; what comes before the flowgraph starts waits as far
        as there is room.
    items
        One an output port: made with `item`, a :class:`spead2.Descriptor`, or a tuple of `item`'s
        arguments. What the sender's descriptors say has to fit.
    OPTIONS

    Raises
    ------
    ValueError
        If an argument makes no sense; the text says which and why.
    """
    (values,) = split("heap_source", options, HEAP_SOURCE)
    return _blocks.heap_source(stream, to_items(items), make(_blocks.HeapSourceOptions, values))


@takes(PDU_HEAP_SOURCE)
def pdu_heap_source(stream: spead2.recv.Stream, item: ItemLike, **options: Any) -> PduHeapSource:
    """Make a block that publishes each heap as a PDU at its message port "pdus".

    Parameters
    ----------
    stream
        As for `heap_source`.
    item
        What the PDUs' vectors are: made with `item`, a :class:`spead2.Descriptor`, or a tuple. The
        other items of a heap are the PDU's metadata.
    OPTIONS

    Raises
    ------
    ValueError
        If an argument makes no sense; the text says which and why.
    """
    (values,) = split("pdu_heap_source", options, PDU_HEAP_SOURCE)
    options_ = make(_blocks.PduHeapSourceOptions, values)
    return _blocks.pdu_heap_source(stream, to_item(item), options_)


def _one_step_heap_source(name: str, place: Any, items: Any, options: dict[str, Any]) -> HeapSource:
    values, rest = split(f"{name}_heap_source", options, HEAP_SOURCE, RECEIVERS[name].all_options)
    # Mistakes show before anything is opened.
    described = to_items(items)
    checked = make(_blocks.HeapSourceOptions, values)
    return _blocks.heap_source(open_receiver(name, place, rest), described, checked)


@takes(HEAP_SOURCE, RECEIVERS["udp"].all_options)
def udp_heap_source(
    address: AddressLike, items: ItemLike | Iterable[ItemLike], **options: Any
) -> HeapSource:
    """Make a `heap_source` with a UDP stream: ``heap_source(udp_receiver(address), items)``.

    Parameters
    ----------
    address, items
        As for `udp_receiver` and `heap_source`.
    OPTIONS
    """
    return _one_step_heap_source("udp", address, items, options)


@takes(HEAP_SOURCE, RECEIVERS["tcp"].all_options)
def tcp_heap_source(
    address: AddressLike, items: ItemLike | Iterable[ItemLike], **options: Any
) -> HeapSource:
    """Make a `heap_source` with a TCP stream: ``heap_source(tcp_receiver(address), items)``.

    Parameters
    ----------
    address, items
        As for `tcp_receiver` and `heap_source`.
    OPTIONS
    """
    return _one_step_heap_source("tcp", address, items, options)


@takes(HEAP_SOURCE, RECEIVERS["ibv"].all_options)
def ibv_heap_source(
    address: AddressLike, items: ItemLike | Iterable[ItemLike], **options: Any
) -> HeapSource:
    """Make a `heap_source` with an ibverbs stream: ``heap_source(ibv_receiver(address), items)``.

    Parameters
    ----------
    address, items
        As for `ibv_receiver` and `heap_source`.
    OPTIONS
    """
    return _one_step_heap_source("ibv", address, items, options)


@takes(HEAP_SOURCE, RECEIVERS["pcap"].all_options)
def pcap_heap_source(
    filename: FileLike, items: ItemLike | Iterable[ItemLike], **options: Any
) -> HeapSource:
    """Make a `heap_source` of a capture file: ``heap_source(pcap_receiver(filename), items)``.

    Parameters
    ----------
    filename, items
        As for `pcap_receiver` and `heap_source`.
    OPTIONS
    """
    return _one_step_heap_source("pcap", filename, items, options)


def _one_step_pdu_heap_source(
    name: str, place: Any, item: Any, options: dict[str, Any]
) -> PduHeapSource:
    receiver_options = RECEIVERS[name].all_options
    values, rest = split(f"{name}_pdu_heap_source", options, PDU_HEAP_SOURCE, receiver_options)
    described = to_item(item)
    checked = make(_blocks.PduHeapSourceOptions, values)
    return _blocks.pdu_heap_source(open_receiver(name, place, rest), described, checked)


@takes(PDU_HEAP_SOURCE, RECEIVERS["udp"].all_options)
def udp_pdu_heap_source(address: AddressLike, item: ItemLike, **options: Any) -> PduHeapSource:
    """Make a `pdu_heap_source` with a UDP stream.

    ``pdu_heap_source(udp_receiver(address), item)``.

    Parameters
    ----------
    address, item
        As for `udp_receiver` and `pdu_heap_source`.
    OPTIONS
    """
    return _one_step_pdu_heap_source("udp", address, item, options)


@takes(PDU_HEAP_SOURCE, RECEIVERS["pcap"].all_options)
def pcap_pdu_heap_source(filename: FileLike, item: ItemLike, **options: Any) -> PduHeapSource:
    """Make a `pdu_heap_source` of a capture file.

    ``pdu_heap_source(pcap_receiver(filename), item)``.

    Parameters
    ----------
    filename, item
        As for `pcap_receiver` and `pdu_heap_source`.
    OPTIONS
    """
    return _one_step_pdu_heap_source("pcap", filename, item, options)
