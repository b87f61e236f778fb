# SPDX-License-Identifier: Apache-2.0
"""The receiving end of the demo, in a process of its own: with whichever spead2 is installed there.

Prints the UDP port that it listens on, receives until the stream ends, writes what came to a .npz
file (`timestamps`, one a heap, and `samples`, one row a heap) and prints the number of heaps.
"""

import argparse
import socket

import numpy as np

import spead2.recv


def main() -> None:
    """Receive one stream."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", help="the .npz file to write")
    parser.add_argument("--max-heap-bytes", type=int, default=1 << 20)
    args = parser.parse_args()

    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    # Beyond the system's limit where we may.
    for option in (33, socket.SO_RCVBUF):  # 33: SO_RCVBUFFORCE
        try:
            sock.setsockopt(socket.SOL_SOCKET, option, 64 << 20)
            break
        except PermissionError:
            continue
    sock.bind(("127.0.0.1", 0))

    stream = spead2.recv.Stream(
        spead2.ThreadPool(),
        spead2.recv.StreamConfig(max_heaps=4),
        spead2.recv.RingStreamConfig(heaps=64),
    )
    stream.add_udp_reader(socket=sock, max_size=65507)
    print(sock.getsockname()[1], flush=True)

    group = spead2.ItemGroup()
    timestamps, samples = [], []
    for heap in stream:
        updated = group.update(heap)
        if "samples" in updated:
            timestamps.append(int(group["timestamp"].value))
            samples.append(np.array(group["samples"].value))
    np.savez(args.output, timestamps=timestamps, samples=samples)
    print(len(samples), flush=True)


if __name__ == "__main__":
    main()
