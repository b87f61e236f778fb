# SPDX-License-Identifier: Apache-2.0
"""Streams that receive heaps, what comes out of them and how they are set up."""

from __future__ import annotations

from .._spead2.recv import (
    Chunk,
    ChunkRingbuffer,
    ChunkRingPair,
    ChunkRingStream,
    ChunkStreamConfig,
    ChunkStreamGroupConfig,
    ChunkStreamGroupMember,
    ChunkStreamRingGroup,
    Heap,
    IncompleteHeap,
    PlacementRule,
    RingStreamConfig,
    Stream,
    StreamConfig,
    StreamStatConfig,
    StreamStats,
    UdpIbvConfig,
)
from . import stream_stat_indices

__all__ = [
    "Chunk",
    "ChunkRingPair",
    "ChunkRingStream",
    "ChunkRingbuffer",
    "ChunkStreamConfig",
    "ChunkStreamGroupConfig",
    "ChunkStreamGroupMember",
    "ChunkStreamRingGroup",
    "Heap",
    "IncompleteHeap",
    "PlacementRule",
    "RingStreamConfig",
    "Stream",
    "StreamConfig",
    "StreamStatConfig",
    "StreamStats",
    "UdpIbvConfig",
    "stream_stat_indices",
]

for _public in (Heap, IncompleteHeap):
    _public.__module__ = "spead2.recv"
