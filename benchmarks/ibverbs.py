#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""User-space cost per packet of ibverbs streams, against the reference package.

Both packages send the same heaps with the same calls on the software verbs device (see
tests/ibverbs/softverbs), which drops every packet without looking at its bytes, so that what
is measured is what the packages and the device's few list operations cost. What is counted is
processor time of the whole process, which other work on the machine disturbs less than the time
of day; the packages take turns, and of each the best of all rounds counts.

    benchmarks/ibverbs.py [--rounds N] [--heap BYTES] [--json FILE]
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import time
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHONS = {
    "ours": ROOT / ".venv" / "bin" / "python",
    "reference": ROOT / ".venv-reference" / "bin" / "python",
}
PACKET_SIZES = (1024, 8192, 8972)
TARGET = 0.6
SIOCGIFADDR = 0x8915
SIOCGIFHWADDR = 0x8927


def interface_address() -> str:
    """Find an Ethernet interface with an IPv4 address; nothing will be sent there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode())
            try:
                mac = fcntl.ioctl(sock, SIOCGIFHWADDR, request)[18:24]
                address = fcntl.ioctl(sock, SIOCGIFADDR, request)[20:24]
            except OSError:
                continue
            if any(mac):
                return socket.inet_ntoa(address)
    sys.exit("no Ethernet interface with an IPv4 address here; give one with --interface")


def measure(arguments: dict[str, Any]) -> dict[str, float]:
    """Send heaps with the package of this Python; return nanoseconds per packet."""
    import numpy as np

    import spead2
    import spead2.send

    size = arguments["heap"]
    data = np.ones(size, np.uint8)
    stream = spead2.send.UdpIbvStream(
        spead2.ThreadPool(),
        spead2.send.StreamConfig(max_packet_size=arguments["packet"]),
        spead2.send.UdpIbvConfig(
            endpoints=[("239.102.1.1", 8888)],
            interface_address=arguments["interface"],
            memory_regions=[data] if arguments["region"] else [],
        ),
    )
    item = spead2.Item(0x1000, "data", "", shape=data.shape, dtype=data.dtype, value=data)
    heap = spead2.send.Heap()
    heap.add_item(item)
    packets = sum(1 for _ in spead2.send.PacketGenerator(heap, 1, arguments["packet"]))
    repeats = max(1, 100_000 // packets)
    for _ in range(max(1, repeats // 10)):
        stream.send_heap(heap)
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(repeats):
        stream.send_heap(heap)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu": cpu / (repeats * packets) * 1e9, "wall": wall / (repeats * packets) * 1e9}


def run_child(python: pathlib.Path, device: pathlib.Path, arguments: dict[str, Any]) -> Any:
    """Measure in a process of the other Python, with the software device's libraries in front."""
    done = subprocess.run(
        [str(python), __file__, "--child", json.dumps(arguments)],
        env={**os.environ, "LD_LIBRARY_PATH": str(device), "SOFTVERBS_MODE": "discard"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def build_device() -> pathlib.Path:
    """Build the software device, unless that has been done."""
    build = ROOT / "build" / "softverbs"
    source = ROOT / "tests" / "ibverbs" / "softverbs"
    for command in (
        ["cmake", "-S", str(source), "-B", str(build)],
        ["cmake", "--build", str(build)],
    ):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return build


def main() -> None:
    """Measure both packages in turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--heap", type=int, default=1 << 20, help="bytes of a heap's one item")
    parser.add_argument("--interface", help="IPv4 address of an Ethernet interface")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures to this file")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        print(json.dumps(measure(json.loads(options.child))))
        return

    device = build_device()
    interface = options.interface or interface_address()
    rows = []
    print(f"heaps of {options.heap} bytes, best of {options.rounds} rounds, ns of CPU per packet")
    print(f"{'packet':>7} {'memory':>8} {'ours':>8} {'reference':>10} {'ratio':>6}")
    for packet in PACKET_SIZES:
        for region in (False, True):
            arguments = {
                "packet": packet,
                "region": region,
                "heap": options.heap,
                "interface": interface,
            }
            best = dict.fromkeys(PYTHONS, float("inf"))
            for _ in range(options.rounds):
                for name, python in PYTHONS.items():
                    best[name] = min(best[name], run_child(python, device, arguments)["cpu"])
            ratio = best["ours"] / best["reference"]
            memory = "region" if region else "copied"
            rows.append({"packet": packet, "memory": memory, **best, "ratio": ratio})
            mark = "" if ratio <= TARGET else f"  above {TARGET}"
            print(
                f"{packet:>7} {memory:>8} {best['ours']:8.1f} {best['reference']:10.1f} "
                f"{ratio:6.2f}{mark}",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
