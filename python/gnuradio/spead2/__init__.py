# SPDX-License-Identifier: GPL-3.0-or-later
"""SPEAD sinks: blocks that send tagged packets of samples, or PDUs, as SPEAD heaps.

`heap_sink` and `pdu_heap_sink` take a stream: one made by `udp`, `tcp` or `ibv`, or any other of
:mod:`spead2.send`; those with a transport in their name make their own. What goes into the heaps is
described with `item`, `tag_item`, `counter_item` and `constant_item`.
"""

from gnuradio import gr  # noqa: F401  registers the type of blocks

import spead2.send  # noqa: F401  registers the type of streams
from spead2 import Flavour

from ._items import constant_item, counter_item, item, tag_item
from ._sinks import (
    heap_sink,
    ibv_heap_sink,
    pdu_heap_sink,
    tcp_heap_sink,
    udp_heap_sink,
    udp_pdu_heap_sink,
)
from ._transports import ibv, tcp, udp
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
    "ibv",
    "ibv_heap_sink",
    "item",
    "pdu_heap_sink",
    "tag_item",
    "tcp",
    "tcp_heap_sink",
    "udp",
    "udp_heap_sink",
    "udp_pdu_heap_sink",
]
