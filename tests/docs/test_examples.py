# SPDX-License-Identifier: Apache-2.0
"""The examples of the documentation, run as they stand there; what they send is received."""

from __future__ import annotations

import pathlib
import re
import socket
import subprocess
import sys
import threading
from typing import Any

import decoder
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
#: Those that are run elsewhere, since they need more than a socket.
ELSEWHERE = {
    ("docs/ibverbs.md", 0): "tests/ibverbs/test_doc_example.py",
    ("docs/ibverbs.md", 1): "tests/ibverbs/test_doc_example.py",
}
HERE = {("README.md", 0), ("README.md", 1), ("docs/gnuradio.md", 0), ("docs/gnuradio.md", 1)}
HERE |= {("docs/collective.md", 1)}
#: Not run, but compiled: needs an MPI launcher and a host of its own to send to.
NOT_RUN = {("docs/collective.md", 0)}


def examples(name: str) -> list[str]:
    """Return the Python code in a document."""
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / name).read_text(), re.M | re.S)


def documents() -> list[str]:
    """Return the names of the documents that users read."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    # The tutorials are run by test_manual.py.
    return sorted(str(path.relative_to(ROOT)) for path in found if path.parent.name != "tutorials")


def test_every_example_is_run() -> None:
    found = {(name, i) for name in documents() for i in range(len(examples(name)))}
    assert found == HERE | set(ELSEWHERE) | NOT_RUN
    for name, i in NOT_RUN:
        compile(examples(name)[i], name, "exec")
    for (name, _), test in ELSEWHERE.items():
        assert name in (ROOT / test).read_text()


def run(name: str, index: int) -> tuple[list[decoder.Heap], str]:
    """Run an example that sends to port 8888; return the heaps that came, and what it printed."""
    packets, printed = packets_of(name, index, [])
    return decoder.assemble_all(packets), printed


def packets_of(name: str, index: int, arguments: list[str]) -> tuple[list[decoder.Packet], str]:
    """Run an example that sends to port 8888; return the packets that came, and what it printed."""
    packets: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        try:  # room for all of it, so that nothing depends on who is how fast
            receiver.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_RCVBUFFORCE", 33), 2**28)
        except PermissionError:
            pytest.skip("needs CAP_NET_ADMIN, for a socket that holds all that is sent")
        receiver.bind(("127.0.0.1", 0))
        port = receiver.getsockname()[1]
        code = examples(name)[index]
        assert code.count("8888") == 1

        def receive() -> None:
            while packet := receiver.recv(65536):  # until an empty one
                packets.append(packet)

        thread = threading.Thread(target=receive)
        thread.start()
        try:
            done = subprocess.run(
                [sys.executable, "-c", code.replace("8888", str(port)), *arguments],
                capture_output=True,
                text=True,
                timeout=100,
            )
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"", ("127.0.0.1", port))
            thread.join()
    assert (done.returncode, done.stderr) == (0, "")
    return [decoder.parse(packet) for packet in packets], done.stdout


def value(heap: decoder.Heap, descriptors: dict[int, Any], id: int) -> Any:
    """Return a decoded value."""
    return decoder.decode_value(decoder.item_bytes(heap.raw(id), descriptors[id]), descriptors[id])


def test_the_first_lines_of_python_arrive() -> None:
    heaps, _ = run("README.md", 0)
    descriptors = {d.id: d for d in heaps[0].descriptors()}
    assert [d.name for d in descriptors.values()] == ["timestamp", "samples"]
    assert len(heaps) == 101  # with the end
    tone = np.exp(2j * np.pi * 0.01 * np.arange(4096)).astype(np.complex64)
    for i, heap in enumerate(heaps[:-1]):
        assert value(heap, descriptors, 0x1000) == 4096 * i
        assert np.array_equal(value(heap, descriptors, 0x1001), tone)


def test_two_flowgraphs_send_heaps_together() -> None:
    pytest.importorskip("gnuradio.gr", reason="the GNU Radio blocks need GNU Radio")
    packets = [p for rank in "01" for p in packets_of("docs/collective.md", 1, [rank])[0]]
    heaps = decoder.assemble_all(sorted(packets, key=lambda p: (p.cnt, p.offset)))
    descriptors = {d.id: d for heap in heaps for d in heap.descriptors()}
    data = [heap for heap in heaps if not heap.controls]
    assert len(data) == len(heaps) - 2 == 8
    for i, heap in enumerate(data):
        assert value(heap, descriptors, 0x1600) == 4096 * i
        phases = 2 * np.pi * np.outer([0.1, 0.2], 4096 * i + np.arange(4096))
        assert np.allclose(value(heap, descriptors, 0x1000), np.exp(1j * phases), atol=1e-3)


def test_a_source_gets_what_a_sink_sends() -> None:
    pytest.importorskip("gnuradio.gr", reason="the GNU Radio blocks need GNU Radio")
    code = examples("docs/gnuradio.md")[1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    done = subprocess.run(
        [sys.executable, "-c", code.replace("8889", str(port))],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "<gnuradio.spead2.HeapSource: 10 heaps received, 0 lost, 0 bad>\n"


@pytest.mark.parametrize(
    ("name", "index", "timestamp", "samples", "total"),
    [("README.md", 1, 0x1000, 0x1001, 5_000_000), ("docs/gnuradio.md", 0, 0x1600, 0x1000, 10**6)],
)
def test_flowgraphs_arrive(name: str, index: int, timestamp: int, samples: int, total: int) -> None:
    pytest.importorskip("gnuradio.gr", reason="the GNU Radio blocks need GNU Radio")
    heaps, printed = run(name, index)
    descriptors = {d.id: d for heap in heaps for d in heap.descriptors()}
    with_samples = [heap for heap in heaps if samples in {item.id for item in heap.items}]
    assert len(with_samples) == total // 4096
    for i, heap in enumerate(with_samples):
        assert value(heap, descriptors, timestamp) == 4096 * i
        assert len(decoder.item_bytes(heap.raw(samples), descriptors[samples])) == 8 * 4096
    if "print(" in examples(name)[index]:
        assert printed.splitlines()[-1] == f"{len(with_samples)} heaps"
