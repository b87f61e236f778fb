# SPDX-License-Identifier: GPL-3.0-or-later
"""Blocks that send samples or PDUs as SPEAD heaps, and blocks that receive them.

`heap_sink` and `pdu_heap_sink` take a stream: one made by `udp`, `tcp`, `ibv` or `pcap`, or any
other of :mod:`spead2.send`; `heap_source` and `pdu_heap_source` one made by `udp_receiver`,
`tcp_receiver`, `ibv_receiver` or `pcap_receiver`, or any other of :mod:`spead2.recv`. Those with a
transport in their name make their own. What is in the heaps is described for both with `item`,
`tag_item`, `counter_item` and `constant_item`.
"""

from gnuradio import gr  # type: ignore[attr-defined]  # noqa: F401  registers the type of blocks

import spead2.recv
import spead2.send  # noqa: F401  registers the types of streams
from spead2 import Flavour

from ._items import constant_item, counter_item, item, tag_item
from ._prometheus import prometheus_counters
from ._receivers import ibv_receiver, pcap_receiver, tcp_receiver, udp_receiver
from ._sinks import (
    heap_sink,
    ibv_heap_sink,
    pdu_heap_sink,
    tcp_heap_sink,
    udp_heap_sink,
    udp_pdu_heap_sink,
)
from ._sources import (
    heap_source,
    ibv_heap_source,
    pcap_heap_source,
    pcap_pdu_heap_source,
    pdu_heap_source,
    tcp_heap_source,
    udp_heap_source,
    udp_pdu_heap_source,
)
from ._transports import FUNCTIONS as _TRANSPORTS
from .spead2_python import (
    HeapSink,
    HeapSource,
    Item,
    PduHeapSink,
    PduHeapSource,
    ScalarItem,
)

__all__ = [
    "Flavour",
    "HeapSink",
    "HeapSource",
    "Item",
    "PduHeapSink",
    "PduHeapSource",
    "ScalarItem",
    "constant_item",
    "counter_item",
    "heap_sink",
    "heap_source",
    "ibv_heap_sink",
    "ibv_heap_source",
    "ibv_receiver",
    "item",
    "pcap_heap_source",
    "pcap_pdu_heap_source",
    "pcap_receiver",
    "pdu_heap_sink",
    "pdu_heap_source",
    "prometheus_counters",
    "tag_item",
    "tcp_heap_sink",
    "tcp_heap_source",
    "tcp_receiver",
    "udp_heap_sink",
    "udp_heap_source",
    "udp_pdu_heap_sink",
    "udp_pdu_heap_source",
    "udp_receiver",
    *_TRANSPORTS,
]

globals().update(_TRANSPORTS)  # udp, tcp, ... by the names of the engine's table
