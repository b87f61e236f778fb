# SPDX-License-Identifier: Apache-2.0
"""Flowgraphs that end in ibv_heap_sink, on the software device: receivers get every sample."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flowgraph_sender import samples
from ibverbs_fixtures import GROUP, Device, Run
from spead_packets import ReceivedHeap, collect
from veth_network import SENDER_ADDRESS, Network

pytest.importorskip("gnuradio.gr", reason="the GNU Radio blocks need GNU Radio")

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ITEM_ID = 0x1000


def run_flowgraph(device: Device, settings: dict[str, str] | None = None, **options: Any) -> Run:
    arguments = {"interface_address": SENDER_ADDRESS, "max_packet_size": 8972, **options}
    command = [sys.executable, str(HERE / "flowgraph_sender.py"), json.dumps(arguments)]
    run = device.command(command, {"HOME": str(device.directory), **(settings or {})})
    run.result = json.loads(run.result.splitlines()[-1])
    return run


def receive(sock: Any, last_cnt: int) -> list[ReceivedHeap]:
    """Take the packets up to those of an end heap with this cnt; return heaps with samples."""
    packets = []
    while True:
        packets.append(sock.recv(1 << 16))
        heaps = collect(packets[-1:])
        if last_cnt in heaps:
            break
    heaps = collect(packets)
    assert sorted(heaps) == list(range(1, last_cnt + 1))
    assert all(heap.is_complete for heap in heaps.values())
    return [heap for _, heap in sorted(heaps.items()) if ITEM_ID in heap.addresses]


@pytest.mark.parametrize("comp_vector", [0, -1], ids=["interrupts", "polling"])
@pytest.mark.parametrize("samples_per_heap", [500, 250_000])
def test_every_sample_arrives(
    device: Device, network: Network, samples_per_heap: int, comp_vector: int
) -> None:
    port = network.unused_port()
    count = 6 * samples_per_heap
    with network.udp_receiver(GROUP, port) as sock:
        run = run_flowgraph(
            device,
            endpoints=[[GROUP, port]],
            count=count + 7,
            samples_per_heap=samples_per_heap,
            comp_vector=comp_vector,
            rate=400e6,
        )
        heaps = receive(sock, 8)
    received = [np.frombuffer(heap.item(ITEM_ID), np.complex64) for heap in heaps]
    assert [len(values) for values in received] == [samples_per_heap] * 6
    assert np.array_equal(np.concatenate(received), samples(count + 7)[:count])
    assert run.result["samples_dropped"] == 7
    assert (run.result["heaps_sent"], run.result["heaps_failed"]) == (6, 0)
    assert run.event("create_cq")["channel"] == (comp_vector >= 0)
    assert run.event("destroy_qp")["outstanding"] == 0


def test_tagged_packets_of_any_length_to_substreams(device: Device, network: Network) -> None:
    port, other = network.unused_port(), network.unused_port()
    with (
        network.udp_receiver(GROUP, port) as first,
        network.udp_receiver("239.102.17.4", other) as second,
    ):
        run_flowgraph(
            device,
            endpoints=[[GROUP, port], ["239.102.17.4", other]],
            count=80_000,
            variable_length=True,
            substream="round_robin",
            rate=400e6,
        )
        # Start heaps 1 and 2, packets 3 to 6 in turns, end heaps 7 and 8.
        packets = {sock: [] for sock in (first, second)}
        for sock, last in ((first, 7), (second, 8)):
            while not packets[sock] or last not in collect(packets[sock][-1:]):
                packets[sock].append(sock.recv(1 << 16))
    heaps = {**collect(packets[first]), **collect(packets[second])}
    assert set(collect(packets[first])) == {1, 3, 5, 7}
    data = [np.frombuffer(heaps[cnt].item(ITEM_ID), ">f4") for cnt in (3, 4, 5, 6)]
    assert np.array_equal(
        np.concatenate(data).astype(np.float32).view(np.complex64), samples(80_000)
    )


@pytest.mark.parametrize("fault", ["SOFTVERBS_FAIL_WR", "SOFTVERBS_FAIL_POST"])
def test_a_failing_device_is_a_send_error(device: Device, network: Network, fault: str) -> None:
    """One heap is hit and counted; the others, and the end heap, arrive."""
    port = network.unused_port()
    with network.udp_receiver(GROUP, port) as sock:
        run = run_flowgraph(
            device,
            {fault: "3"},
            endpoints=[[GROUP, port]],
            count=6000,
            samples_per_heap=1000,
        )
        packets = [sock.recv(1 << 16)]
        while 8 not in collect(packets[-1:]):
            packets.append(sock.recv(1 << 16))
    heaps = collect(packets)
    assert sum(not heap.is_complete for heap in heaps.values()) + 8 - len(heaps) == 1
    assert (run.result["heaps_sent"], run.result["heaps_failed"]) == (5, 1)
    assert run.result["bytes_sent"] == sum(map(len, packets))


def compiled_by_companion(folder: Path, language: str) -> list[str]:
    """Have GNU Radio's own compiler make a program of ibv_flowgraph.grc; return how to call it."""
    text = (HERE / "ibv_flowgraph.grc").read_text()
    if language == "cpp":
        # Raw values are in the language of the program.
        text = text.replace("output_language: python", "output_language: cpp")
        text = text.replace("tags: '[]'", "tags: '{}'")
    source = folder / "flowgraph.grc"
    source.write_text(text)
    subprocess.run(
        [sys.executable, shutil.which("grcc") or "grcc", "-o", str(folder), str(source)],
        check=True,
        capture_output=True,
        env={**os.environ, "GRC_BLOCKS_PATH": str(ROOT / "grc"), "HOME": str(folder)},
    )
    if language == "python":
        return [sys.executable, str(folder / "ibv_flowgraph.py")]
    project, build = folder / "ibv_flowgraph", folder / "build"
    for command in (
        ["-G", "Ninja", "-S", project, "-B", build, f"-DCMAKE_PREFIX_PATH={sys.prefix}"],
        ["--build", build],
    ):
        done = subprocess.run(["cmake", *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return [str(build / "ibv_flowgraph")]


@pytest.mark.parametrize("language", ["python", pytest.param("cpp", marks=pytest.mark.cxx)])
@pytest.mark.timeout(300)
def test_flowgraph_of_gnuradio_companion(device: Device, network: Network, language: str) -> None:
    program = compiled_by_companion(device.directory, language)
    port = network.unused_port()
    with network.udp_receiver(GROUP, port) as sock:
        run = device.command([*program, "--port", str(port)], {"HOME": str(device.directory)})
        heaps = receive(sock, 42)
    received = [np.frombuffer(heap.item(ITEM_ID), np.int32) for heap in heaps]
    assert np.array_equal(received, np.resize([3, 1, 4, 1, 5, 9, 2, 6], (40, 1000)))
    # The first heap and every tenth after it have the descriptors.
    assert [5 in heap.addresses for heap in heaps] == [n % 10 == 0 for n in range(40)]
    # That of C++ never destroys what it made.
    assert len(run.all_events("destroy_qp")) == (language == "python")
