# SPDX-License-Identifier: Apache-2.0
"""Real receivers in the second namespace get every heap."""

from __future__ import annotations

import hashlib
import pathlib
import socket
import subprocess

import ibv_sender
import pytest
from ibverbs_fixtures import GROUP, Device
from software_device import unavailable
from spead_packets import ReceivedHeap, collect
from veth_network import RECEIVER_ADDRESS, Network

ROOT = pathlib.Path(__file__).resolve().parents[2]

REFERENCE_RECEIVER = """
import hashlib, sys
import numpy as np
import spead2, spead2.recv
group, port, interface, heaps = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
stream = spead2.recv.Stream(
    spead2.ThreadPool(),
    spead2.recv.StreamConfig(max_heaps=4),
    spead2.recv.RingStreamConfig(heaps=64),
)
stream.add_udp_reader(
    group, port, max_size=9200, buffer_size=16 << 20, interface_address=interface
)
print("ready", flush=True)
for i in range(heaps):
    heap = stream.get()
    (item,) = [item for item in heap.get_items() if item.id == 0x1600]
    print(heap.cnt, hashlib.sha256(np.asarray(item)).hexdigest(), flush=True)
"""


def receive(sock: socket.socket, heaps: int) -> dict[int, ReceivedHeap]:
    """Take packets until there are as many heaps, all whole."""
    packets = []
    while True:
        packets.append(sock.recv(1 << 16))
        found = collect(packets)
        if len(found) == heaps and all(heap.is_complete for heap in found.values()):
            return found


@pytest.mark.parametrize("comp_vector", [0, 5, -1], ids=["interrupt 0", "interrupt 5", "polling"])
@pytest.mark.parametrize("in_region", [False, True], ids=["copied", "gathered"])
def test_udp_receiver_gets_every_heap(
    device: Device, network: Network, in_region: bool, comp_vector: int
) -> None:
    port = network.unused_port()
    sizes = [[30000 + 1000 * i] for i in range(12)]
    with network.udp_receiver(GROUP, port) as sock:
        run = device.run(
            "send",
            config={"max_packet_size": 8972},
            ibv={"endpoints": [[GROUP, port]], "comp_vector": comp_vector},
            sizes=sizes,
            regions=[[0, 50000]] if in_region else None,
        )
        heaps = receive(sock, len(sizes))
    assert all("sent" in result for result in run.result), run.result
    for i, (size,) in enumerate(sizes):
        assert heaps[i + 1].item(ibv_sender.ITEM_ID) == ibv_sender.pattern(size, i).tobytes()
    # Four interrupts: 5 is the same as 1. Polling needs none.
    created = run.event("create_cq")
    assert created["channel"] == (comp_vector >= 0)
    assert created["comp_vector"] == max(comp_vector, 0) % 4


def test_asyncio_stream(device: Device, network: Network) -> None:
    port = network.unused_port()
    with network.udp_receiver(GROUP, port) as sock:
        run = device.run(
            "send_asynchronously",
            config={"max_packet_size": 8972, "max_heaps": 20},
            ibv={"endpoints": [[GROUP, port]]},
            heaps=20,
            size=100000,
        )
        heaps = receive(sock, 20)
    assert run.result["fd"] >= 0
    assert all(result.get("sent", 0) > 100000 for result in run.result["results"]), run.result
    for i in range(20):
        assert heaps[i + 1].item(ibv_sender.ITEM_ID) == ibv_sender.pattern(100000, i).tobytes()


def reference_python() -> pathlib.Path:
    python = ROOT / ".venv-reference" / "bin" / "python"
    if not python.exists():
        unavailable("the reference package is not installed (script/setup does it)")
    return python


def test_reference_receiver_gets_every_heap(device: Device, network: Network) -> None:
    python = reference_python()
    port = network.unused_port()
    arguments = [GROUP, str(port), RECEIVER_ADDRESS, "10"]
    receiver = subprocess.Popen(
        [
            "ip",
            "netns",
            "exec",
            network.receiver,
            python,
            "-E",
            "-c",
            REFERENCE_RECEIVER,
            *arguments,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    with receiver:
        try:
            assert receiver.stdout is not None
            assert receiver.stdout.readline() == "ready\n"
            device.run(
                "send",
                config={"max_packet_size": 8972, "rate": 200e6},
                ibv={"endpoints": [[GROUP, port]]},
                sizes=[[200000]] * 10,
            )
            lines = receiver.stdout.read().splitlines()
            assert receiver.wait(10) == 0
        finally:
            receiver.kill()
    assert lines == [
        f"{i + 1} {hashlib.sha256(ibv_sender.pattern(200000, i).tobytes()).hexdigest()}"
        for i in range(10)
    ]


def test_another_program_runs_on_the_software_device(device: Device, network: Network) -> None:
    """The reference package's own ibverbs sender: its heaps arrive as well."""
    program = f"""
import numpy as np
import spead2, spead2.send
stream = spead2.send.UdpIbvStream(
    spead2.ThreadPool(),
    spead2.send.StreamConfig(max_packet_size=8972),
    spead2.send.UdpIbvConfig(endpoints=[({GROUP!r}, PORT)], interface_address="10.99.0.1"),
)
heap = spead2.send.Heap()
value = np.arange(50000, dtype=np.uint8)
heap.add_item(
    spead2.Item(0x1600, "x", "", shape=value.shape, dtype=value.dtype, value=value)
)
for i in range(5):
    stream.send_heap(heap)
"""
    port = network.unused_port()
    with network.udp_receiver(GROUP, port) as sock:
        run = device.command(
            [str(reference_python()), "-E", "-c", program.replace("PORT", str(port))], {}
        )
        heaps = receive(sock, 5)
    assert {heap.item(0x1600) for heap in heaps.values()} == {(bytes(range(256)) * 196)[:50000]}
    assert run.event("destroy_qp")["outstanding"] == 0
