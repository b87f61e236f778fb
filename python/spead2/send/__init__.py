# SPDX-License-Identifier: Apache-2.0
"""Heaps and the streams that send them."""
from .._spead2 import (
    BytesStream,
    GroupMode,
    Heap,
    HeapReference,
    HeapReferenceList,
    InprocStream,
    PacketGenerator,
    RateMethod,
    Stream,
    StreamConfig,
    UdpIbvConfig,
    UdpIbvStream,
)
