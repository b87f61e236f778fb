# SPDX-License-Identifier: GPL-3.0-or-later
"""Sinks and sources on two hosts, with their interfaces given by name and by address."""

from __future__ import annotations

import numpy as np
import pytest
from gnuradio import blocks, gr
from gnuradio import spead2 as heaps
from namespaces import Link

NEAR6, FAR6 = "fd77::1", "fd77::2"
ITEM = heaps.item(0x1000, "x", "", "float")


def from_host_to_host(link: Link, address: tuple[str, int], near: str, far: str) -> None:
    data = np.arange(1000, dtype=np.float32)
    with link.at("far"):
        source = heaps.udp_heap_source(address, ITEM, interface_address=far)
    with link.at("near"):
        sink = heaps.udp_heap_sink(
            address, ITEM, samples_per_heap=100, interface_address=near, ttl=1
        )
    received, sent, end = gr.top_block(), gr.top_block(), blocks.vector_sink_f()
    received.connect(source, end)
    received.start()
    sent.connect(blocks.vector_source_f(data.tolist()), sink)
    sent.run()
    received.wait()
    assert np.array_equal(end.data(), data)


@pytest.mark.parametrize("by", ["name", "address"])
def test_multicast(link: Link, by: str) -> None:
    """There is no route for the group: without the interfaces it goes nowhere."""
    interfaces = ("near0", "far0") if by == "name" else (link.near_address, link.far_address)
    from_host_to_host(link, ("239.77.1.2", 8888), *interfaces)


@pytest.mark.parametrize("by", ["name", "address"])
def test_multicast_of_ipv6(link: Link, by: str) -> None:
    """Another interface comes first in the table of routes."""
    for end, address in (("near", NEAR6), ("far", FAR6)):
        link.ip(end, *f"addr add {address}/64 dev {end}0 nodad".split())
        link.ip(end, *["link", "add", "other0", "type", "veth", "peer", "name", "other1"])
        for device in ("other0", "other1"):
            link.ip(end, "link", "set", device, "up")
        link.ip(
            end,
            *["-6", "route", "add", "ff00::/8", "dev", "other0", "table", "local", "metric", "1"],
        )
    interfaces = ("near0", "far0") if by == "name" else (NEAR6, FAR6)
    from_host_to_host(link, ("ff15::77", 8888), *interfaces)


def test_an_interface_that_is_none_is_named(link: Link) -> None:
    with link.at("far"), pytest.raises(ValueError, match="'fd77::9', but no interface has this"):
        heaps.udp_receiver(("ff15::77", 8888), interface_address="fd77::9")
