#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions in user space per packet that is received through ibverbs, against the reference.

Both packages receive the same frames, with the same calls, on the software verbs device (see
tests/ibverbs/softverbs), which takes them from a capture file as fast as the package asks for them.
callgrind counts all threads; what is done within the device's library is not counted.

    benchmarks/ibverbs_receiving.py [--packages ours reference] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHONS = {
    "ours": ROOT / ".venv" / "bin" / "python",
    "reference": ROOT / ".venv-reference" / "bin" / "python",
}
TARGET = 0.5
GROUP = ("239.102.1.1", 8888)
#: Bytes of a packet, and of a heap; heaps in the capture.
CASES = {
    "1472-byte packets": (1472, 1 << 20, 4),
    "8972-byte packets": (8972, 1 << 20, 4),
    "heaps of 1 KiB": (1472, 1024, 1024),
}
REPETITIONS = 4


def make_capture(path: str, packet_size: int, heap_size: int, heaps: int) -> int:
    """Write the frames of heaps with this package; return how many."""
    import numpy as np

    import spead2
    import spead2.send

    data = np.arange(heap_size, dtype=np.uint32).astype(np.uint8)
    heap = spead2.send.Heap()
    heap.add_item(spead2.Item(0x1000, "data", "", data.shape, data.dtype, value=data))
    packets = sum(1 for _ in spead2.send.PacketGenerator(heap, 1, packet_size)) * heaps
    config = spead2.send.StreamConfig(max_packet_size=packet_size)
    stream = spead2.send.PcapStream(spead2.ThreadPool(), path, [GROUP], config)
    for _ in range(heaps):
        stream.send_heap(heap)
    return packets


def receive(heaps: int) -> None:
    """Receive so many heaps; only uses what both packages have."""
    import spead2
    import spead2.recv

    stream = spead2.recv.Stream(
        spead2.ThreadPool(), ring_config=spead2.recv.RingStreamConfig(heaps=64)
    )
    os.getpgid(0)  # from here on is counted
    stream.add_udp_ibv_reader(
        spead2.recv.UdpIbvConfig(endpoints=[GROUP], interface_address="127.0.0.1")
    )
    for _ in range(heaps):
        stream.get()
    os.getsid(0)
    os._exit(0)


def outside_of_device(profile: str) -> int:
    """Return the instructions in callgrind's file that are not within the software device.

    These are all, but for what calls from other objects into the device's have cost in sum.
    """
    total = int(re.findall(r"^totals: (\d+)", profile, re.MULTILINE)[-1])
    names: dict[str, str] = {}
    caller = callee = ""
    within = 0
    called = False
    for line in profile.splitlines():
        found = re.match(r"(ob|cob)=\((\d+)\)(?: (.*))?$", line)
        if found:
            if found[3]:
                names[found[2]] = found[3]
            name = names[found[2]]
            if found[1] == "ob":
                caller = callee = name
            else:
                callee = name
        elif line.startswith("fn="):
            callee = caller
        elif line.startswith("calls="):
            called = True
        elif called:
            if is_device(callee) and not is_device(caller):
                within += int(line.split()[1])
            called, callee = False, caller
    return total - within


def is_device(name: str) -> bool:
    """Tell whether an object is one of the software device's libraries."""
    return "libibverbs" in name or "librdmacm" in name


def count(python: pathlib.Path, libraries: str, capture: str, heaps: int, times: int) -> int:
    """Return the instructions that receiving the capture so often takes."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out"]
        command += ["--zero-before=getpgid", "--dump-before=getsid"]
        command += [str(python), "-E", __file__, "--receive", str(heaps * times)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONHASHSEED": "0",
                "LD_LIBRARY_PATH": libraries,
                "SOFTVERBS_MODE": "discard",
                "SOFTVERBS_REPLAY": capture,
                "SOFTVERBS_REPLAY_TIMES": str(times),
                # One instruction that copies any number of bytes would be counted once a byte.
                "GLIBC_TUNABLES": "glibc.cpu.x86_rep_movsb_threshold=100000000",
            },
        )
        if done.returncode != 0:
            sys.exit(f"failed: {' '.join(command)}\n{done.stderr[-2000:]}")
        return outside_of_device(pathlib.Path(folder, "out.1").read_text())


def per_packet(package: str, libraries: str, sizes: tuple[int, int, int]) -> float:
    """Return the instructions a packet of one of :data:`CASES`."""
    with tempfile.TemporaryDirectory() as folder:
        capture = f"{folder}/frames.pcap"
        command = [str(PYTHONS["ours"]), __file__, "--make", capture, *map(str, sizes)]
        packets = int(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        counts = [
            count(PYTHONS[package], libraries, capture, sizes[2], n)
            for n in (REPETITIONS, 2 * REPETITIONS)
        ]
        return (counts[1] - counts[0]) / REPETITIONS / packets


def build_device() -> str:
    """Build the software device; return the directory of its libraries."""
    build = ROOT / "build" / "softverbs"
    source = ROOT / "tests" / "ibverbs" / "softverbs"
    for command in (
        ["cmake", "-S", str(source), "-B", str(build)],
        ["cmake", "--build", str(build)],
    ):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return str(build)


def main() -> None:
    """Count, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", nargs="+", choices=list(PYTHONS), default=list(PYTHONS))
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--receive", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--make", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.receive is not None:
        receive(args.receive)
    if args.make is not None:
        print(make_capture(args.make[0], *map(int, args.make[1:])))
        return
    libraries = build_device()
    columns = ["instructions a packet", *args.packages]
    if len(args.packages) == 2:
        columns += ["ratio", ""]
    print("| " + " | ".join(columns) + " |")
    print("| --- " * len(columns) + "|")
    results: dict[str, dict[str, Any]] = {}
    for name, sizes in CASES.items():
        row = {package: per_packet(package, libraries, sizes) for package in args.packages}
        results[name] = row
        cells = [f"{value:.0f}" for value in row.values()]
        if len(row) == 2:
            ratio = row["ours"] / row["reference"]
            cells += [f"{ratio:.2f}", "yes" if ratio <= TARGET else f"**no**: {TARGET:g}"]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    if args.json is not None:
        args.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
