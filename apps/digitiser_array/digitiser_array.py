#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An array of simulated digitisers, one antenna a rank.

Start it with ``mpirun -n 4 digitiser_array.py HOST PORT``. Each antenna samples one tone, at a
phase of its own, and noise. It sends heaps of its own to its own ports, PORT + rank x substreams
and the ones behind it; or, with --collective, all antennas send each heap together to PORT. At the
end rank 0 prints what all have sent. Needs the extra ``mpi``.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import numpy.typing as npt
from mpi4py import MPI

import spead2
import spead2.send
import spead2.send.mpi


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--collective", action="store_true", help="one heap from all antennas")
    parser.add_argument("--substreams", type=int, default=1, help="of each antenna (%(default)s)")
    parser.add_argument("--heaps", type=int, default=100, help="to send, of each (%(default)s)")
    parser.add_argument(
        "--samples", type=int, default=65536, help="a heap and antenna (%(default)s)"
    )
    parser.add_argument("--sample-rate", type=float, default=10e6, help="Hz (%(default)g)")
    parser.add_argument("--tone", type=float, default=1e6, help="Hz (%(default)g)")
    parser.add_argument("--packet-size", type=int, default=1472, help="bytes (%(default)s)")
    parser.add_argument("--stagger", type=float, default=0.0, help="seconds between antennas")
    return parser.parse_args()


class Antenna:
    """Samples of 8 bits."""

    def __init__(self, rank: int, args: argparse.Namespace) -> None:
        self._rng = np.random.default_rng(rank)
        self._rank = rank
        self._step = 2 * np.pi * args.tone / args.sample_rate
        self._n = args.samples

    def sample(self, first: int) -> npt.NDArray[np.int8]:
        """Take the samples from number `first` on."""
        phase = self._step * (first + np.arange(self._n)) + 0.7 * self._rank
        return (50 * np.cos(phase) + self._rng.normal(0, 10, self._n)).round().astype(np.int8)


def send_collective(comm: MPI.Intracomm, args: argparse.Namespace, antenna: Antenna) -> int:
    """Send heaps of all antennas; return the bytes that this one sent."""
    config = spead2.send.StreamConfig(max_packet_size=args.packet_size)
    udp = spead2.send.UdpStream(spead2.ThreadPool(), [(args.host, args.port)], config)
    group = spead2.send.mpi.ItemGroup(comm)
    group.add_item(0x1000, "timestamp", "Number of the first sample", (), format=[("u", 48)])
    shape = (comm.Get_size(), args.samples)
    group.add_item(0x1001, "voltages", "Of all antennas", shape, np.int8, split=0)
    # One sample is one byte, so that the sample rate of all is the rate of the stream.
    rate = args.sample_rate * comm.Get_size()
    sent = 0
    with spead2.send.mpi.CollectiveStream(comm, udp, rate=rate) as stream:
        sent += stream.send_heap(group.get_start())
        stream.start(stagger=args.stagger)
        for heap in range(args.heaps):
            group["timestamp"].value = heap * args.samples
            group["voltages"].value = antenna.sample(heap * args.samples)[np.newaxis]
            sent += stream.send_heap(group.get_heap())
        sent += stream.send_heap(group.get_end())
    return sent


def send_own(comm: MPI.Intracomm, args: argparse.Namespace, antenna: Antenna) -> int:
    """Send heaps of this antenna to its substreams in turn; return the bytes sent."""
    first = args.port + comm.Get_rank() * args.substreams
    endpoints = [(args.host, first + i) for i in range(args.substreams)]
    config = spead2.send.StreamConfig(max_packet_size=args.packet_size, rate=args.sample_rate)
    udp = spead2.send.UdpStream(spead2.ThreadPool(), endpoints, config)
    group = spead2.send.ItemGroup()
    group.add_item(0x1000, "timestamp", "Number of the first sample", (), format=[("u", 48)])
    group.add_item(0x1002, "antenna", "Which antenna", (), format=[("u", 16)])
    group.add_item(0x1001, "voltages", "Of this antenna", (args.samples,), np.int8)
    group["antenna"].value = comm.Get_rank()
    stream = spead2.send.mpi.CollectiveStream(comm, udp, independent=True)
    stream.start(stagger=args.stagger)
    sent = 0
    for heap in range(args.heaps):
        group["timestamp"].value = heap * args.samples
        group["voltages"].value = antenna.sample(heap * args.samples)
        # All descriptors with every heap: a receiver may listen to any one substream.
        whole = group.get_heap(descriptors="all", data="all")
        sent += stream.send_heap(whole, heap % args.substreams)
    for substream in range(args.substreams):
        sent += stream.send_heap(group.get_end(), substream)
    stream.close()
    return sent


def main() -> None:
    """Send, and print what was sent."""
    args = parse_arguments()
    comm = MPI.COMM_WORLD
    antenna = Antenna(comm.Get_rank(), args)
    begin = time.monotonic()
    sent = (send_collective if args.collective else send_own)(comm, args, antenna)
    took = time.monotonic() - begin
    table = comm.gather((MPI.Get_processor_name(), sent, took))
    if table is not None:
        print("antenna  host              heaps       bytes  seconds      MB/s")
        for rank, (host, n, seconds) in enumerate(table):
            print(
                f"{rank:7}  {host:16} {args.heaps:6} {n:11} {seconds:8.2f} {n / seconds / 1e6:9.2f}"
            )
        total = sum(n for _, n, _ in table)
        longest = max(seconds for *_, seconds in table)
        print(f"{'all':>7}  {'':23} {total:11} {longest:8.2f} {total / longest / 1e6:9.2f}")


if __name__ == "__main__":
    main()
