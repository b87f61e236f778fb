#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The input of a small correlator: many antennas, one group of streams, chunks of all of them.

Antennas send their channels by UDP, to ports of this machine, and lose some heaps on purpose. A
group of streams, each with a thread of its own, puts all heaps of an interval of time into one
chunk, an array of time, antenna, channel and sample. What came is correlated: a number for each
pair of antennas, over the heaps that both have. At the end the program prints what was lost, and
with --figure draws it.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import spead2
import spead2.recv as recv
import spead2.send as send

TIMESTAMP, ANTENNA, DATA = 0x1600, 0x4101, 0x4300
#: In each heap: channels, samples of each, and real and imaginary part.
SHAPE = (16, 64, 2)
HEAP_SIZE = int(np.prod(SHAPE))
#: Times that a chunk has heaps of, and how far apart they are.
TIMES = 8
STEP = SHAPE[1]


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--antennas", type=int, default=8, help="that send (%(default)s)")
    add("--streams", type=int, default=2, help="that receive (%(default)s)")
    add("--chunks", type=int, default=20, help="to receive (%(default)s)")
    add("--loss", type=float, default=0.02, help="share of heaps to lose (%(default)s)")
    add("--rate", type=float, default=20e6, help="bytes a second of an antenna (%(default)g)")
    add("--figure", type=Path, help="draw what was lost; needs matplotlib")
    add("--json", action="store_true", help="print the result as JSON")
    return parser.parse_args()


# ---- Receiving


def make_group(antennas: int, ports: list[socket.socket]) -> recv.ChunkStreamRingGroup:
    """Return a group that listens at the ports, with memory for a few chunks."""
    group = recv.ChunkStreamRingGroup(
        recv.ChunkStreamGroupConfig(max_chunks=4), recv.ChunkRingbuffer(4), recv.ChunkRingbuffer(8)
    )
    place = recv.PlacementRule(
        HEAP_SIZE, time_per_chunk=TIMES * STEP, time_per_heap=STEP, axes=[(1, antennas)]
    )
    config = recv.ChunkStreamConfig(items=[TIMESTAMP, ANTENNA], place=place, max_chunks=4)
    for _ in range(8):
        group.add_free_chunk(
            recv.Chunk(
                data=np.zeros((TIMES, antennas, *SHAPE), np.int8),
                present=np.zeros((TIMES, antennas), np.uint8),
            )
        )
    members = [
        group.emplace_back(spead2.ThreadPool(), recv.StreamConfig(max_heaps=4 * antennas), config)
        for _ in ports
    ]
    for member, port in zip(members, ports):
        member.add_udp_reader(port)
    return group


def correlate(
    chunk: recv.Chunk, visibilities: npt.NDArray[np.complex64], weights: npt.NDArray[np.int64]
) -> None:
    """Add a chunk to what is known of each pair of antennas, as far as both are present."""
    data = np.asarray(chunk.data).astype(np.float32)
    voltages = data[..., 0] + 1j * data[..., 1]
    present = np.asarray(chunk.present) != 0
    voltages *= present[:, :, np.newaxis, np.newaxis]
    visibilities += np.einsum("tacs,tbcs->ab", voltages, voltages.conj())
    weights += present.T.astype(np.int64) @ present


def receive(group: recv.ChunkStreamRingGroup, antennas: int) -> dict[str, Any]:
    """Take chunks until the group ends."""
    visibilities = np.zeros((antennas, antennas), np.complex64)
    weights = np.zeros((antennas, antennas), np.int64)
    present = []
    for chunk in group.data_ringbuffer:
        correlate(chunk, visibilities, weights)
        present.append(np.array(chunk.present))
        group.add_free_chunk(chunk)
    return {"visibilities": visibilities, "weights": weights, "present": np.concatenate(present)}


# ---- Sending


class Antenna(threading.Thread):
    """Sends the same noise as all others, weaker, and noise of its own."""

    def __init__(self, number: int, port: int, args: argparse.Namespace) -> None:
        super().__init__()
        self._number = number
        self._times = args.chunks * TIMES
        self._loss = args.loss
        self._rng = np.random.default_rng(number)
        config = send.StreamConfig(rate=args.rate, max_packet_size=HEAP_SIZE + 100)
        self._stream = send.UdpStream(spead2.ThreadPool(), [("127.0.0.1", port)], config)
        self._stream.set_cnt_sequence(number + 1, args.antennas)
        self.lost = 0

    def run(self) -> None:
        """Send all heaps but those that are to be lost."""
        group = send.ItemGroup()
        group.add_item(TIMESTAMP, "timestamp", "", (), format=[("u", 40)])
        group.add_item(ANTENNA, "antenna", "", (), format=[("u", 40)], value=self._number)
        group.add_item(DATA, "data", "channel, sample, complex", SHAPE, np.int8)
        for time in range(self._times):
            common = np.random.default_rng((99, time)).normal(0, 10, SHAPE)
            own = self._rng.normal(0, 10, SHAPE)
            if self._rng.random() < self._loss:
                self.lost += 1
                continue
            group["timestamp"].value = time * STEP
            group["data"].value = (common + own).round().clip(-127, 127).astype(np.int8)
            self._stream.send_heap(group.get_heap(descriptors="none", data="all"))


def send_all(ports: list[int], args: argparse.Namespace) -> int:
    """Have all antennas send, then end the streams; return how many heaps were lost on purpose."""
    antennas = [Antenna(i, ports[i % len(ports)], args) for i in range(args.antennas)]
    for antenna in antennas:
        antenna.start()
    for antenna in antennas:
        antenna.join()
    for port in ports:
        stream = send.UdpStream(spead2.ThreadPool(), [("127.0.0.1", port)])
        stream.set_cnt_sequence(2**39, 1)
        stream.send_heap(send.ItemGroup().get_end())
    return sum(antenna.lost for antenna in antennas)


# ---- The result


def draw(present: npt.NDArray[np.uint8], path: Path) -> None:
    """Draw which heaps are missing."""
    import matplotlib  # type: ignore[import-untyped]

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 3), layout="constrained")
    axes.imshow(present.T, aspect="auto", interpolation="nearest", cmap="gray", vmin=0, vmax=1)
    share = 1 - present.mean()
    axes.set(title=f"{share:.1%} of the heaps were lost", xlabel="heap in time", ylabel="antenna")
    figure.savefig(path)


def main() -> int:
    """Run all of it."""
    args = parse_arguments()
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(args.streams)]
    for one in sockets:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        one.bind(("127.0.0.1", 0))
    group = make_group(args.antennas, sockets)
    lost_on_purpose: list[int] = []
    ports = [one.getsockname()[1] for one in sockets]
    sender = threading.Thread(target=lambda: lost_on_purpose.append(send_all(ports, args)))
    sender.start()
    received = receive(group, args.antennas)
    sender.join()
    for one in sockets:
        one.close()
    present, weights = received["present"], received["weights"]
    stats = [member.stats for member in group]
    mean = np.abs(received["visibilities"]) / np.maximum(weights, 1)
    correlation = mean / np.sqrt(np.outer(mean.diagonal(), mean.diagonal()))
    others = correlation[~np.eye(args.antennas, dtype=bool)]
    result = {
        "heaps": int(np.count_nonzero(present)),
        "lost": int(present.size - np.count_nonzero(present)),
        "lost_on_purpose": lost_on_purpose[0],
        "too_old": sum(stat["too_old_heaps"] for stat in stats),
        "rejected": sum(stat["rejected_heaps"] for stat in stats),
        "least_weight": int(weights.min()),
        "mean_correlation": float(others.mean()) if others.size else 1.0,
    }
    if args.figure:
        draw(present, args.figure)
    if args.json:
        print(json.dumps(result))
    else:
        print(
            f"{result['heaps']} heaps came, {result['lost']} were lost "
            f"({result['lost_on_purpose']} on purpose, {result['too_old']} too old); "
            f"antennas correlate by {result['mean_correlation']:.2f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
