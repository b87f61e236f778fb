# SPDX-License-Identifier: Apache-2.0
"""What the receiving commands share: a stream that listens, and what is counted about it."""

from __future__ import annotations

import ipaddress
from typing import Any

import spead2
import spead2.recv

#: What the counters for Prometheus say; the names are those of a stream's statistics.
COUNTERS = {
    "heaps": "Heaps that left the stream, incomplete ones too",
    "incomplete_heaps_evicted": "Heaps given up because newer ones needed their place",
    "incomplete_heaps_flushed": "Heaps given up when the stream ended",
    "packets": "Packets that could be decoded",
    "worker_blocked": "Times that the ring was full",
}


def open_stream(
    endpoint: tuple[str, int],
    *,
    tcp: bool = False,
    capture: str | None = None,
    interface: str | None = None,
    buffer_size: int = 8 << 20,
    keep_heaps: int = 8,
) -> Any:
    """Return a stream that listens at an endpoint, a group too, or reads a capture."""
    config = spead2.recv.StreamConfig(max_heaps=keep_heaps, allow_out_of_order=True)
    ring = spead2.recv.RingStreamConfig(heaps=64)
    stream = spead2.recv.Stream(spead2.ThreadPool(), config, ring)
    host, port = endpoint
    if capture is not None:
        stream.add_udp_pcap_file_reader(capture)
    elif tcp:
        stream.add_tcp_reader(port, bind_hostname=host)
    elif _is_group(host) and interface is not None:
        stream.add_udp_reader(host, port, buffer_size=buffer_size, interface_address=interface)
    else:
        stream.add_udp_reader(port, buffer_size=buffer_size, bind_hostname=host)
    return stream


def _is_group(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_multicast
    except ValueError:
        return False


def lost_heaps(stats: Any) -> int:
    """Return how many heaps were lost for want of packets."""
    return int(stats["incomplete_heaps_evicted"] + stats["incomplete_heaps_flushed"])
