# SPDX-License-Identifier: Apache-2.0
"""The example in docs/ibverbs.md, run on the software device."""

from __future__ import annotations

import pathlib
import re
import sys

from ibverbs_fixtures import Device
from spead_packets import collect
from veth_network import SENDER_ADDRESS, Frame, FrameSocket

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "ibverbs.md"

#: What a user does with the stream; the example ends when it is made.
SEND = """
data[:20_000] = np.arange(20_000) % 251
item = spead2.Item(0x1000, "x", "", (20_000,), np.uint8, value=data[:20_000])
heap = spead2.send.Heap()
heap.add_descriptor(item)
heap.add_item(item)
assert stream.send_heap(heap, cnt=5) > 20_000
"""


def test_the_example_sends(device: Device, capture: FrameSocket) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)
    # What differs from machine to machine.
    code = code.replace("10.100.1.1", SENDER_ADDRESS).replace("[3]", "[0]")
    assert SENDER_ADDRESS in code
    device.command([sys.executable, "-c", code + SEND], {})
    frames = [Frame.parse(frame) for frame in capture.read()]
    assert {frame.destination_port for frame in frames} == {7148}
    heap = collect([frame.payload for frame in frames])[5]
    assert heap.is_complete
    assert bytes(range(251)) * 3 in bytes(heap.payload)
