# SPDX-License-Identifier: Apache-2.0
"""Numbers of the statistics that every stream has."""

from __future__ import annotations

from .._spead2.recv.stream_stat_indices import (
    BATCHES,
    HEAPS,
    INCOMPLETE_HEAPS_EVICTED,
    INCOMPLETE_HEAPS_FLUSHED,
    MAX_BATCH,
    PACKETS,
    SEARCH_DIST,
    SINGLE_PACKET_HEAPS,
    WORKER_BLOCKED,
)

__all__ = [
    "BATCHES",
    "HEAPS",
    "INCOMPLETE_HEAPS_EVICTED",
    "INCOMPLETE_HEAPS_FLUSHED",
    "MAX_BATCH",
    "PACKETS",
    "SEARCH_DIST",
    "SINGLE_PACKET_HEAPS",
    "WORKER_BLOCKED",
]
