# SPDX-License-Identifier: Apache-2.0
"""The limit for one heap a call from Python: a bare ``socket.sendmsg`` of header and payload."""

from __future__ import annotations

import json
import socket
import sys
import time


def measure(payload_size: int, seconds: float, port: int) -> dict[str, float]:
    """Messages per second, and processor seconds per message."""
    message = [b"S" * 48, bytes(payload_size)]
    batch = 256
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 512 * 1024)
        sender.connect(("127.0.0.1", port))
        send = sender.sendmsg
        result = {}
        for length in (seconds / 3, seconds):  # the first warms up
            count = 0
            cpu = time.process_time()
            start = now = time.perf_counter()
            while now < start + length:
                for _ in range(batch):
                    send(message)
                now = time.perf_counter()
                count += batch
            result = {"value": count / (now - start), "cpu": (time.process_time() - cpu) / count}
    return result


if __name__ == "__main__":
    size, duration, to = sys.argv[1:]
    print(json.dumps(measure(int(size), float(duration), int(to))))
