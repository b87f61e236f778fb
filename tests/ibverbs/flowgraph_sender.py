# SPDX-License-Identifier: GPL-3.0-or-later
"""Flowgraphs that end in ibv_heap_sink; the tests run them in the sending namespace.

Called as ``flowgraph_sender.py ARGUMENTS``, the keyword arguments of `run` as JSON; prints the
sink's counts as one line of JSON. GNU Radio is only needed for running.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import numpy.typing as npt


def samples(count: int) -> npt.NDArray[np.complex64]:
    """Make complex samples that all differ."""
    return (np.arange(count) - 1j * np.arange(count)[::-1]).astype(np.complex64)


def run(endpoints: list[list[Any]], count: int, **options: Any) -> dict[str, Any]:
    """Send `count` samples; `options` are those of ibv_heap_sink."""
    from gnuradio import blocks, gr
    from gnuradio import spead2 as sinks

    sink = sinks.ibv_heap_sink(
        [(host, port) for host, port in endpoints],
        items=[(0x1000, "samples", "", "complex64")],
        scalars=[sinks.counter_item(0x1600, "timestamp", "", dtype="uint48")],
        **options,
    )
    top = gr.top_block()
    source = blocks.vector_source_c(samples(count).tolist(), False)
    tagger = blocks.stream_to_tagged_stream(8, 1, count // 4, "packet_len")
    top.connect(source, tagger, sink)
    top.run()
    return {
        "heaps_sent": sink.heaps_sent(),
        "heaps_failed": sink.heaps_failed(),
        "bytes_sent": sink.bytes_sent(),
        "samples_dropped": sink.samples_dropped(),
        "error": sink.error(),
    }


if __name__ == "__main__":
    print(json.dumps(run(**json.loads(sys.argv[1]))))
