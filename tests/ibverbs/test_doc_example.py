# SPDX-License-Identifier: Apache-2.0
"""The example in docs/ibverbs.md, run on the software device."""

from __future__ import annotations

import pathlib
import re
import sys

from ibverbs_fixtures import Device
from receiving_program import STOP, one, receiver
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


#: What a user does with a stream that receives.
RECEIVE = """
import json
print("ready", flush=True)
for heap in stream:
    print(json.dumps([heap.cnt, {}]))
print("{}")
"""


def example(number: int) -> str:
    code: str = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)[number]
    # What differs from machine to machine.
    code = code.replace("10.100.1.1", SENDER_ADDRESS).replace("[3]", "[0]")
    assert SENDER_ADDRESS in code
    return code


def test_the_example_receives(device: Device) -> None:
    with receiver(device, code=example(1) + RECEIVE) as made:
        made.port = 7148
        made.send(one(1), to="239.102.1.1")
        made.send(one(2), to="239.102.1.2")
        made.send(STOP, to="239.102.1.2")
        made.finish(end=False)
        assert made.cnts == [1, 2]


def test_the_example_sends(device: Device, capture: FrameSocket) -> None:
    device.command([sys.executable, "-c", example(0) + SEND], {})
    frames = [Frame.parse(frame) for frame in capture.read()]
    assert {frame.destination_port for frame in frames} == {7148}
    heap = collect([frame.payload for frame in frames])[5]
    assert heap.is_complete
    assert bytes(range(251)) * 3 in bytes(heap.payload)
