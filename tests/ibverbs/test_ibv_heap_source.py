# SPDX-License-Identifier: GPL-3.0-or-later
"""Flowgraphs that begin with ibv_heap_source, on the software device."""

from __future__ import annotations

import pytest
from ibverbs_fixtures import GROUP, Device
from receiving_program import DATA, STOP, one, payload, receiver
from veth_network import SENDER_ADDRESS

pytest.importorskip("gnuradio.gr", reason="the GNU Radio blocks need GNU Radio")

FLOWGRAPH = """
import json, sys
from gnuradio import blocks, gr
from gnuradio import spead2 as gr_spead2

source = gr_spead2.ibv_heap_source(
    ({group!r}, {port}), [({item}, "data", "", "byte")], interface_address={address!r},
    buffer_size=1 << 20, undescribed="native",
)
sink = blocks.vector_sink_b()
top = gr.top_block()
top.connect(source, sink)
top.start()
print("ready", flush=True)
sys.stdin.readline()
top.wait()
print(json.dumps({{"data": list(sink.data()), "error": source.last_error()}}))
"""


def test_samples_of_packets_that_the_device_steers(device: Device) -> None:
    port = device.network.unused_port()
    code = FLOWGRAPH.format(group=GROUP, port=port, item=DATA, address=SENDER_ADDRESS)
    with receiver(device, code=code) as made:
        made.send(*(one(i) for i in range(1, 40)), STOP, port=port)
        result = made.finish(end=False)
        assert result["error"] == ""
        assert bytes(result["data"]) == b"".join(payload(i) for i in range(1, 40))
        assert len(made.events("create_qp")) == 1
