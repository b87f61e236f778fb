# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's flowgraph: a source of samples into a UDP heap sink."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from gnuradio import blocks, gr
from gnuradio import spead2 as gr_spead2
from senders import Heaps, Sent


def send_flowgraph(
    heaps: Heaps,
    endpoint: tuple[str, int],
    rate: float,
    packet_size: int,
    on_progress: Callable[[int], None],
) -> Sent:
    """Send from a flowgraph. `rate` in bytes per second, `packet_size` in bytes."""
    flowgraph = gr.top_block("demo")
    is_complex = heaps.dtype == np.complex64
    # Makes a list of its own, which takes longer than sending it.
    source = (blocks.vector_source_c if is_complex else blocks.vector_source_f)(heaps.ravel())
    sink = gr_spead2.udp_heap_sink(
        [endpoint],
        [(0x1001, "samples", "Samples of the signal", heaps.dtype)],
        samples_per_heap=heaps.shape[1],
        scalars=[gr_spead2.counter_item(0x1000, "timestamp", "Number of the first sample")],
        max_packet_size=packet_size,
        rate=rate,
    )
    flowgraph.connect(source, sink)
    flowgraph.start()
    start = time.monotonic()
    while sink.heaps_sent() + sink.heaps_failed() < len(heaps) and not sink.error():
        on_progress(sink.heaps_sent() * heaps[0].nbytes)
        time.sleep(0.02)  # the progress bar's pace
    seconds = time.monotonic() - start
    flowgraph.wait()
    on_progress(sink.heaps_sent() * heaps[0].nbytes)
    return Sent(sink.bytes_sent(), seconds)
