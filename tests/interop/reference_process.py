# SPDX-License-Identifier: Apache-2.0
"""Runs in the reference package's environment: makes packets there, and receives ours there.

A request is a pickled tuple on standard input, of a function's name below and its arguments; the
answer is a pickled pair on standard output: (True, result) or (False, text of the error).
"""

from __future__ import annotations

import ctypes
import pathlib
import pickle
import signal
import socket
import struct
import sys
from typing import Any

import numpy as np

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))

import chunk_reception  # noqa: E402
import reception  # noqa: E402
import recipes  # noqa: E402

import spead2  # noqa: E402
import spead2.recv as recv  # noqa: E402

receivers: dict[int, Any] = {}


def package() -> str:
    """Say where the package is from."""
    return str(spead2.__file__)


def canonical(value: Any) -> Any:
    """Return plain data for a received value: (kind, contents)."""
    if isinstance(value, str):
        return ("text", value)
    array = np.asarray(value)
    if array.dtype.hasobject:
        return ("elements", array.tolist())
    return ("array", (recipes.to_descr(array.dtype), array.shape, array.tobytes()))


def listen(
    kind: str,
    host: str,
    max_size: int,
    bug_compat: int,
    group: str | None = None,
    interface: int = 0,
    keep_heaps: int = 4,
) -> tuple[int, int]:
    """Start to receive on a port that the kernel chooses; return the receiver's number and port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    config = recv.StreamConfig(max_heaps=keep_heaps, bug_compat=bug_compat)
    # By the settings of the reference, a stop item ends a stream.
    stream = recv.Stream(
        spead2.ThreadPool(), config, recv.RingStreamConfig(heaps=1024, contiguous_only=True)
    )
    if kind == "udp":
        with socket.socket(family, socket.SOCK_DGRAM) as udp:
            enlarge_buffer(udp, 1 << 28)
            # (A group of the link is only an address together with the link.)
            udp.bind(
                (group or host, 0, 0, interface)
                if family == socket.AF_INET6
                else (group or host, 0)
            )
            if group is not None:
                join(udp, host, interface, group)
            port = udp.getsockname()[1]
            stream.add_udp_reader(udp, max_size=max_size)
    else:
        with socket.socket(family, socket.SOCK_STREAM) as acceptor:
            acceptor.bind((host, 0))
            acceptor.listen()
            port = acceptor.getsockname()[1]
            stream.add_tcp_reader(acceptor, max_size=max_size)
    number = len(receivers)
    receivers[number] = stream
    return number, port


def enlarge_buffer(udp: socket.socket, size: int) -> None:
    """Set the receive buffer, above the system's limit where that is allowed."""
    so_rcvbufforce = 33
    try:
        udp.setsockopt(socket.SOL_SOCKET, so_rcvbufforce, size)
    except PermissionError:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def join(udp: socket.socket, host: str, interface: int, group: str) -> None:
    """Join a multicast group: IPv4 by the interface's address, IPv6 by its number."""
    if ":" in group:
        request = socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", interface)
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
    else:
        request = socket.inet_aton(group) + socket.inet_aton(host)
        udp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)


def receive(number: int) -> list[tuple[int, list[tuple[Any, ...]]]]:
    """Wait for the end of a stream; return for each heap its cnt and items that changed.

    An item is ID, name, description, shape, format and value.
    """
    stream = receivers.pop(number)
    heaps = heaps_of(stream)
    stream.stop()
    return heaps


def decode(data: bytes, bug_compat: int) -> list[tuple[int, list[tuple[Any, ...]]]]:
    """Receive from memory, else as receive()."""
    stream = recv.Stream(
        spead2.ThreadPool(),
        recv.StreamConfig(max_heaps=64, bug_compat=bug_compat, stop_on_stop_item=False),
    )
    stream.add_buffer_reader(data)
    return heaps_of(stream)


def heaps_of(stream: Any) -> list[tuple[int, list[tuple[Any, ...]]]]:
    group = spead2.ItemGroup()
    heaps = []
    for heap in stream:
        updated = group.update(heap)
        heaps.append(
            (
                heap.cnt,
                [
                    (
                        item.id,
                        item.name,
                        item.description,
                        tuple(item.shape),
                        [tuple(field) for field in item.format] if item.format else None,
                        canonical(item.value),
                    )
                    for item in updated.values()
                ],
            )
        )
    return heaps


def receive_numbered(number: int, seed: int, variants: int) -> tuple[int, int, list[int]]:
    """Receive heaps of items "number" and "data" until the stream ends.

    Returns heaps, bytes of data, and the numbers of heaps whose data is not what numbered_data()
    says. The numbers must go up one by one.
    """
    stream = receivers.pop(number)
    group = spead2.ItemGroup()
    expected: list[Any] = []
    n_heaps = n_bytes = 0
    wrong = []
    for heap in stream:
        updated = group.update(heap)
        if "data" not in updated:
            continue
        data = group["data"].value
        if not expected:
            expected = [numbered_data(seed, i, data.size) for i in range(variants)]
        sent = int(group["number"].value)
        if sent != n_heaps or not np.array_equal(data, expected[sent % variants]):
            wrong.append(n_heaps)
        n_heaps += 1
        n_bytes += data.nbytes
    stream.stop()
    return n_heaps, n_bytes, wrong


def numbered_data(seed: int, number: int, size: int) -> Any:
    """Return random bytes."""
    return np.random.default_rng((seed, number)).integers(0, 256, size, np.uint8)


FUNCTIONS: dict[str, Any] = {
    function.__name__: function
    for function in (
        package,
        listen,
        receive,
        receive_numbered,
        decode,
        recipes.packets,
        recipes.transmit,
        recipes.send_to_group,
        recipes.run_group,
    )
}
FUNCTIONS["reception"] = reception.receive
FUNCTIONS["chunk_reception"] = chunk_reception.receive


def main() -> None:
    """Serve requests until standard input ends."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    while True:
        try:
            name, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = (True, FUNCTIONS[name](*arguments))
        except Exception as error:
            answer = (False, f"{type(error).__name__}: {error}")
        pickle.dump(answer, sys.stdout.buffer, protocol=4)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
