# SPDX-License-Identifier: GPL-3.0-or-later
"""The option dscp of the transports, from GNU Radio Companion to the packets of a flowgraph."""

from __future__ import annotations

import socket
from typing import Any

import numpy as np
import pytest
from gnuradio import gr
from gnuradio import spead2 as sinks
from gnuradio_fixtures import source

pytest.importorskip("gnuradio.grc", reason="needs GNU Radio Companion's modules")

from test_grc import HEAP_SINK, PDU_SINK, make
from test_grc import platform as platform


def test_packets_of_a_sink_made_in_companion(platform: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(30)
        port = str(receiver.getsockname()[1])
        block = make(platform, HEAP_SINK, type="float", port=port, samples_per_heap="10", dscp="46")
        sink = eval(block.templates.render("make"), {"spead2": sinks})
        graph = gr.top_block()
        graph.connect(source(np.zeros(10, np.float32)), sink)
        graph.run()
        for _ in range(3):  # the start, samples, and the end
            _, controls, _, _ = receiver.recvmsg(65536, 1024)
            assert [data[0] for _, _, data in controls] == [46 << 2]


@pytest.mark.parametrize("key", [HEAP_SINK, PDU_SINK])
def test_companion_knows_the_limits_and_both_languages(platform: Any, key: str) -> None:
    for value in ("-1", "64"):
        block = make(platform, key, dscp=value)
        assert any("dscp" in message for _, message in block.iter_error_messages())
    for transport in ("udp", "tcp", "ibv"):
        block = make(platform, key, transport=transport, dscp="10")
        assert "dscp=10," in block.templates.render("make")
        assert "transport_options.dscp = 10;" in block.cpp_templates.render("make")
