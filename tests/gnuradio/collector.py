# SPDX-License-Identifier: GPL-3.0-or-later
"""A stream within the process, and what a sink sent on it."""

from __future__ import annotations

from typing import Any

import decoder
import numpy as np

import spead2
import spead2.send


def plain(value: Any) -> Any:
    """Make lists of arrays."""
    return value.tolist() if isinstance(value, np.ndarray) else value


class Collector:
    """Takes the packets of one sink or several; `stream` is what they send on."""

    def __init__(self, max_heaps: int = 1000) -> None:
        self.queue = spead2.InprocQueue()
        config = spead2.send.StreamConfig(max_packet_size=9000, max_heaps=max_heaps)
        self.stream = spead2.send.InprocStream(spead2.ThreadPool(), [self.queue], config)

    def raw_heaps(self) -> list[decoder.Heap]:
        """Heaps that were sent, once the flowgraph has stopped."""
        self.queue.stop()
        return decoder.assemble_all([decoder.parse(bytes(packet)) for packet in self.queue])

    def items(self) -> list[dict[str, Any]]:
        """Values of each heap that has some, by name."""
        known: dict[int, decoder.Descriptor] = {}
        found = []
        for heap in self.raw_heaps():
            known.update({d.id: d for d in heap.descriptors()})
            values = {
                known[item.id].name: plain(
                    decoder.decode_value(decoder.item_bytes(item, known[item.id]), known[item.id])
                )
                for item in heap.items
                if item.id in known
            }
            if values:
                found.append(values)
        return found
