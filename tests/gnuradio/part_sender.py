# SPDX-License-Identifier: GPL-3.0-or-later
"""A flowgraph that sends its part of heaps; run as a process with a port and a rank.

Prints what it sends on, which names the port that its packets come from.
"""

from __future__ import annotations

import sys

import numpy as np

SIZE, HEAPS, SAMPLES = 2, 6, 1500


def whole() -> np.ndarray:
    """The values of all heaps: heap, rank, sample."""
    count = HEAPS * SIZE * SAMPLES
    return (np.arange(count) * 7 % 1001).astype(np.float32).reshape(HEAPS, SIZE, SAMPLES)


def main(port: int, rank: int) -> None:
    """Send, from a socket of one's own."""
    import socket

    from gnuradio import blocks, gr
    from gnuradio import spead2 as sinks

    import spead2
    import spead2.send

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.0.1", 0))
        print(sender.getsockname()[1])
        stream = spead2.send.UdpStream(
            spead2.ThreadPool(), sender, [("127.0.0.1", port)], spead2.send.StreamConfig()
        )
        sink = sinks.heap_sink(
            stream,
            sinks.item(0x1000, "x", "an entry a rank", "float"),
            samples_per_heap=SAMPLES,
            scalars=[sinks.counter_item(0x1600, "n", "first sample", dtype="uint48")],
            rank=rank,
            size=SIZE,
            send_end=False,  # another might still be sending
        )
        top = gr.top_block()
        top.connect(blocks.vector_source_f(whole()[:, rank].ravel().tolist()), sink)
        top.run()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
