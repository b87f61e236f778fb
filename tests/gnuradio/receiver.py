# SPDX-License-Identifier: Apache-2.0
"""The reference package as a receiver, in a process of its own that serves requests.

A request is a line of JSON: ``transport`` ("udp" or "tcp"), ``streams`` (how many ports),
``output`` (file for the arrays), ``hash`` (only hash the arrays), ``max_heaps``, ``out_of_order``
(whether packets may come in any order). Answers: the
ports, then what each port received until its stream ended.
"""

from __future__ import annotations

import hashlib
import json
import socket
import sys
import threading
from typing import Any, BinaryIO

import numpy as np

import spead2
import spead2.recv


def listen(transport: str) -> socket.socket:
    """Make a socket on a port that the kernel chooses."""
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    sock = socket.socket(socket.AF_INET, kind)
    if transport == "udp":
        for option in (33, socket.SO_RCVBUF):  # SO_RCVBUFFORCE goes beyond the system's limit
            try:
                sock.setsockopt(socket.SOL_SOCKET, option, 128 << 20)
                break
            except PermissionError:
                continue
    sock.bind(("127.0.0.1", 0))
    if transport == "tcp":
        sock.listen(1)
    return sock


def receive(request: dict[str, Any], sock: socket.socket, file: BinaryIO, lock: Any) -> list[Any]:
    """Receive until the stream ends."""
    stream = spead2.recv.Stream(
        spead2.ThreadPool(),
        spead2.recv.StreamConfig(
            max_heaps=request.get("max_heaps", 4),
            allow_out_of_order=request.get("out_of_order", False),
        ),
        spead2.recv.RingStreamConfig(heaps=64),
    )
    if request["transport"] == "udp":
        stream.add_udp_reader(socket=sock, max_size=65507)
    else:
        stream.add_tcp_reader(sock, max_size=1 << 20)
    group = spead2.ItemGroup()
    heaps = []
    for heap in stream:
        values = {}
        descriptors = [d.name.decode() for d in heap.get_descriptors()]
        for name, item in group.update(heap).items():
            value = item.value
            if isinstance(value, np.ndarray) and value.ndim > 0:
                data = np.ascontiguousarray(value)
                values[name] = {
                    "dtype": value.dtype.str,
                    "shape": value.shape,
                    "format": item.format,
                }
                if request.get("hash"):
                    values[name]["sha256"] = hashlib.sha256(data).hexdigest()
                else:
                    with lock:
                        values[name]["offset"] = file.tell()
                        file.write(data.tobytes())
            else:
                values[name] = value.item() if hasattr(value, "item") else value
        heaps.append({"cnt": heap.cnt, "descriptors": descriptors, "items": values})
    return heaps


def main() -> None:
    """Serve requests until standard input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        sockets = [listen(request["transport"]) for _ in range(request.get("streams", 1))]
        print(json.dumps([s.getsockname()[1] for s in sockets]), flush=True)
        results: list[Any] = [None] * len(sockets)
        with open(request["output"], "wb") as file:
            lock = threading.Lock()

            def run(i: int, sock: socket.socket, file: BinaryIO = file, lock: Any = lock) -> None:
                results[i] = receive(request, sock, file, lock)  # noqa: B023

            threads = [threading.Thread(target=run, args=(i, s)) for i, s in enumerate(sockets)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        for sock in sockets:
            sock.close()
        print(json.dumps(results), flush=True)


if __name__ == "__main__":
    main()
