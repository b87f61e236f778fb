# SPDX-License-Identifier: Apache-2.0
"""What a packet costs in user space that is received through ibverbs, in instructions.

Counted by callgrind on the software verbs device, over all threads, without what is done within the
device; the copy of the payload is in it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from engine_counts import build
from software_device import build_software_device

import spead2
import spead2.send

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from ibverbs_receiving import outside_of_device  # noqa: E402

#: Instructions a packet, as counted with GCC 12 at -O3 on x86-64. A change for the better belongs
#: here, too.
COUNTS = {1472: 295, 8972: 935}
#: Other compilers make other code.
MARGIN = 1.25

HEAPS, HEAP_SIZE = 4, 1 << 20
REPETITIONS = 2

pytestmark = [pytest.mark.cxx, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the driver against the installed engine."""
    build_software_device()  # or there is nothing to count on
    return build("ibverbs_path.cc", tmp_path_factory.mktemp("instructions"))


def make_capture(path: Path, packet_size: int) -> int:
    """Write the frames of heaps; return how many."""
    data = np.ones(HEAP_SIZE, np.uint8)
    heap = spead2.send.Heap()
    heap.add_item(spead2.Item(0x1000, "data", "", data.shape, data.dtype, value=data))
    config = spead2.send.StreamConfig(max_packet_size=packet_size)
    stream = spead2.send.PcapStream(spead2.ThreadPool(), path, [("239.102.1.1", 8888)], config)
    for _ in range(HEAPS):
        stream.send_heap(heap)
    return HEAPS * sum(1 for _ in spead2.send.PacketGenerator(heap, 1, packet_size))


@pytest.mark.parametrize("packet_size", COUNTS)
def test_packets_cost_no_more_instructions(program: Path, tmp_path: Path, packet_size: int) -> None:
    packets = make_capture(tmp_path / "frames.pcap", packet_size)
    counts = []
    for times in (REPETITIONS, 2 * REPETITIONS):
        heaps = str(HEAPS * times)
        profile = tmp_path / f"profile{times}"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}"]
        result = subprocess.run(
            [*command, str(program), "239.102.1.1", "8888", heaps],
            check=True,
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "LD_LIBRARY_PATH": str(build_software_device()),
                "SOFTVERBS_MODE": "discard",
                "SOFTVERBS_REPLAY": str(tmp_path / "frames.pcap"),
                "SOFTVERBS_REPLAY_TIMES": str(times),
                # One instruction that copies any number of bytes would be counted once a byte.
                "GLIBC_TUNABLES": "glibc.cpu.x86_rep_movsb_threshold=100000000",
            },
        )
        assert f'"bytes": {HEAPS * times * HEAP_SIZE}}}' in result.stdout
        counts.append(outside_of_device(profile.read_text()))
    counted = (counts[1] - counts[0]) / REPETITIONS / packets
    expected = COUNTS[packet_size]
    assert expected / 2 < counted < expected * MARGIN, f"{counted:.0f} instructions a packet"
