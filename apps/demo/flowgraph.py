# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's flowgraph: a source of samples into a UDP heap sink."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from gnuradio import blocks, gr
from gnuradio import spead2 as gr_spead2
from signals import Signal


def send_flowgraph(
    signal: Signal,
    endpoint: tuple[str, int],
    heap_samples: int,
    rate: float,
    packet_size: int,
    on_progress: Callable[[int], None],
) -> int:
    """Send from a flowgraph. `rate` in bytes per second, `packet_size` in bytes."""
    flowgraph = gr.top_block("demo")
    is_complex = signal.samples.dtype == np.complex64
    source = (blocks.vector_source_c if is_complex else blocks.vector_source_f)(signal.samples)
    sink = gr_spead2.udp_heap_sink(
        [endpoint],
        [(0x1001, "samples", "Samples of the signal", signal.samples.dtype)],
        samples_per_heap=heap_samples,
        scalars=[gr_spead2.counter_item(0x1000, "timestamp", "Number of the first sample")],
        max_packet_size=packet_size,
        rate=rate,
    )
    flowgraph.connect(source, sink)
    flowgraph.start()
    n_heaps = len(signal.samples) // heap_samples
    while sink.heaps_sent() + sink.heaps_failed() < n_heaps and not sink.error():
        on_progress(sink.heaps_sent() * heap_samples * signal.samples.itemsize)
        time.sleep(0.02)  # the progress bar's pace
    flowgraph.wait()
    on_progress(sink.heaps_sent() * heap_samples * signal.samples.itemsize)
    return int(sink.bytes_sent())
