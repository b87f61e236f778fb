# SPDX-License-Identifier: Apache-2.0
"""Receives given packets into chunks with whichever spead2 is installed, and reports all of it.

As reception.py, for chunk streams.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import place_functions
import reception

import spead2
import spead2.recv as recv

#: ID of the immediate that says which heap of which chunk it is.
TIME = 0x1600

#: More than any window needs.
_CHUNKS = 200


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to receive.

    Attributes
    ----------
    functions
        Name of the library with the place functions.
    config
        Arguments of StreamConfig.
    max_chunks
        Chunks in the window.
    heaps_a_chunk, heap_size
        How the place function divides the time.
    packet_size
        Payload of a packet if packets are marked, else 0.
    extra_size
        Bytes beside each heap.
    """

    functions: str
    how: str = "inproc"
    config: dict[str, Any] = dataclasses.field(default_factory=dict)
    max_chunks: int = 2
    heaps_a_chunk: int = 4
    heap_size: int = 32
    packet_size: int = 0
    extra_size: int = 0


@dataclasses.dataclass
class Report:
    """What came. All parts can be compared with ==."""

    chunks: list[tuple[Any, ...]]
    stats: dict[str, int]
    log: list[tuple[str, str]]


def receive(packets: Sequence[bytes], settings: Settings) -> Report:
    """Receive packets until the stream ends."""
    with reception.collected_log() as log:
        stream = make_stream(settings)
        reception.supply(stream, packets, settings.how)
        chunks = [
            (
                chunk.chunk_id,
                chunk.stream_id,
                bytes(chunk.data),
                bytes(chunk.present),
                bytes(chunk.extra),
            )
            for chunk in stream.data_ringbuffer
        ]
        stream.stop()
        log.finish()
        stats = {name: stream.stats[name] for name in stream.stats}
    return Report(chunks, stats, log.lines)


def make_stream(settings: Settings) -> Any:
    """Make a stream with chunks."""
    config = recv.StreamConfig(**settings.config)
    stat = config.add_stat("told")
    flags = 1 if settings.packet_size == 0 else -(-settings.heap_size // settings.packet_size)
    place = place_functions.function(
        settings.functions,
        "by_settings",
        place_functions.Settings(
            settings.heaps_a_chunk, settings.heap_size, stat, flags, settings.extra_size
        ),
    )
    chunk_config = recv.ChunkStreamConfig(
        items=[TIME, 1, 2],
        max_chunks=settings.max_chunks,
        place=place,
        max_heap_extra=settings.extra_size,
    )
    if settings.packet_size:
        chunk_config.enable_packet_presence(settings.packet_size)
    stream = recv.ChunkRingStream(
        spead2.ThreadPool(),
        config,
        chunk_config,
        recv.ChunkRingbuffer(_CHUNKS),
        recv.ChunkRingbuffer(_CHUNKS),
    )
    heaps = settings.heaps_a_chunk
    for _ in range(_CHUNKS):
        stream.add_free_chunk(
            recv.Chunk(
                data=np.full(heaps * settings.heap_size, 0xFF, np.uint8),
                present=np.zeros(heaps * flags, np.uint8),
                extra=np.zeros(max(1, heaps * settings.extra_size), np.uint8),
            )
        )
    return stream
