# SPDX-License-Identifier: Apache-2.0
"""Flowgraphs and the reference receiver for the tests of the GNU Radio blocks."""

from __future__ import annotations

import json
import os
import subprocess
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("gnuradio.gr", reason="the GNU Radio blocks need GNU Radio")

import pmt
from gnuradio import blocks, gr

ROOT = Path(__file__).resolve().parents[2]
REFERENCE_PYTHON = os.environ.get(
    "SPEAD2_REFERENCE_PYTHON", str(ROOT / ".venv-reference" / "bin" / "python")
)


@pytest.fixture(autouse=True)
def _stops_flowgraphs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stop what a failed test left running: a flowgraph that is destroyed while it runs hangs."""
    started: list[weakref.ref[Any]] = []
    start = gr.top_block.start

    def noted(top: Any, *arguments: Any, **options: Any) -> None:
        started.append(weakref.ref(top))
        start(top, *arguments, **options)

    monkeypatch.setattr(gr.top_block, "start", noted)
    yield
    for reference in started:
        top = reference()
        if top is not None:
            top.stop()
            top.wait()


def wait_until(condition: Callable[[], bool]) -> None:
    """Look again and again; pytest's timeout is the limit."""
    while not condition():
        time.sleep(0.002)


class Reception:
    """What one request of the receiver brings in."""

    def __init__(self, server: ReferenceReceiver, output: Path, ports: list[int]) -> None:
        self._server = server
        self._output = output
        self.ports = ports

    @property
    def endpoint(self) -> tuple[str, int]:
        """Where to send to."""
        return ("127.0.0.1", self.ports[0])

    @property
    def endpoints(self) -> list[tuple[str, int]]:
        """Where to send to, one for each substream."""
        return [("127.0.0.1", port) for port in self.ports]

    def streams(self) -> list[list[dict[str, Any]]]:
        """Wait until all streams have ended and return the heaps of each."""
        result: list[list[dict[str, Any]]] = self._server.answer()
        self._server.waiting = False
        for stream in result:
            for heap in stream:
                heap["formats"] = {
                    name: value["format"]
                    for name, value in heap["items"].items()
                    if isinstance(value, dict)
                }
                for name, value in heap["items"].items():
                    if isinstance(value, dict) and "offset" in value:
                        heap["items"][name] = np.fromfile(
                            self._output,
                            dtype=value["dtype"],
                            count=int(np.prod(value["shape"])),
                            offset=value["offset"],
                        ).reshape(value["shape"])
        return result

    def heaps(self) -> list[dict[str, Any]]:
        """Wait until the stream has ended and return its heaps."""
        (stream,) = self.streams()
        return stream

    def items(self) -> list[dict[str, Any]]:
        """Return the items of each heap."""
        return [heap["items"] for heap in self.heaps()]


class ReferenceReceiver:
    """The process of receiver.py."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.waiting = False
        self._number = 0
        self._process = subprocess.Popen(
            [REFERENCE_PYTHON, str(Path(__file__).with_name("receiver.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the receiver ended"
        return json.loads(line)

    def listen(self, transport: str = "tcp", **options: Any) -> Reception:
        assert self._process.stdin is not None
        self._number += 1
        output = self.folder / f"{self._number}.bin"
        request = {"transport": transport, "output": str(output), **options}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        reception = Reception(self, output, self.answer())
        self.waiting = True
        return reception

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


@pytest.fixture(scope="session")
def _receivers() -> Iterator[list[ReferenceReceiver]]:
    """The process that tests share; a new one is made when a test left it waiting."""
    receivers: list[ReferenceReceiver] = []
    yield receivers
    for receiver in receivers:
        receiver.close()


@pytest.fixture
def receiver(
    _receivers: list[ReferenceReceiver], tmp_path: Path
) -> Iterator[Callable[..., Reception]]:
    """Start a reception: ``receiver("udp", streams=2)``; TCP, the default, loses nothing."""
    if not _receivers:
        _receivers.append(ReferenceReceiver(tmp_path))
    (server,) = _receivers
    server.folder = tmp_path
    yield server.listen
    if server.waiting:
        _receivers.clear()
        server.close()


def length_tag(offset: int, length: Any) -> gr.tag_t:
    """Make the tag that says how long a packet is."""
    return tag(offset, "packet_len", length)


def tag(offset: int, key: str, value: Any) -> gr.tag_t:
    """Make a stream tag from a Python value or a pmt."""
    t = gr.tag_t()
    t.offset = offset
    t.key = pmt.intern(key)
    t.value = value if isinstance(value, pmt.pmt_base) else pmt.to_pmt(value)
    return t


_SOURCES = {
    np.dtype("c8"): (blocks.vector_source_c, 1),
    np.dtype("f4"): (blocks.vector_source_f, 1),
    np.dtype("i4"): (blocks.vector_source_i, 1),
    np.dtype("i2"): (blocks.vector_source_s, 1),
    np.dtype("u1"): (blocks.vector_source_b, 1),
    np.dtype("i1"): (blocks.vector_source_b, 1),
}


def source(data: np.ndarray, tags: tuple[gr.tag_t, ...] | list[gr.tag_t] = ()) -> gr.basic_block:
    """A source of `data`, whose first axis is time; further axes make vectors."""
    vector_length = int(np.prod(data.shape[1:], dtype=int))
    maker, _ = _SOURCES[data.dtype]
    values = data.ravel()
    if data.dtype == np.int8:
        values = values.view(np.uint8)
    return maker(values.tolist(), False, vector_length, list(tags))


def run_graph(*chain: gr.basic_block) -> None:
    """Run a chain of blocks to its end."""
    top = gr.top_block()
    top.connect(*chain)
    top.run()
