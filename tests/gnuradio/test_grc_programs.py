# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that GNU Radio Companion makes of flowgraphs, in Python and in C++, are run."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import decoder
import numpy as np
import pytest
from gnuradio_fixtures import ROOT, wait_until

import spead2
import spead2.recv

pytest.importorskip("gnuradio.grc", reason="needs GNU Radio Companion's modules")

FLOWGRAPH = Path(__file__).with_name("sinks_flowgraph.grc")
SO_RCVBUFFORCE = 33  # beyond the system's limit
VALUES = [3, 1, 4, 1, 5, 9, 2, 6]


def unused_port() -> int:
    """Find a port for a block that cannot be asked which one it has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def compile_flowgraph(
    folder: Path, language: str, command_port: int = 0, flowgraph: Path = FLOWGRAPH
) -> Path:
    """Let GNU Radio's own compiler make a program; return the module or the executable."""
    text = flowgraph.read_text().replace('"52001"', f'"{command_port}"')
    if language == "cpp":
        # Raw values are in the language of the program.
        text = text.replace("output_language: python", "output_language: cpp")
        text = text.replace("tags: '[]'", "tags: '{}'")
    source = folder / "flowgraph.grc"
    source.write_text(text)
    subprocess.run(
        [sys.executable, shutil.which("grcc") or "grcc", "-o", str(folder), str(source)],
        check=True,
        capture_output=True,
        env={**os.environ, "GRC_BLOCKS_PATH": str(ROOT / "grc")},
    )
    if language == "python":
        return folder / f"{flowgraph.stem}.py"
    build = folder / "build"
    configure = ["-G", "Ninja", "-S", str(folder / flowgraph.stem), "-B", str(build)]
    # The definition of GNU Radio's own socket PDU does not say what to link.
    configure += ["-DCMAKE_CXX_STANDARD_LIBRARIES=-lgnuradio-network"]
    for command in ([*configure, f"-DCMAKE_PREFIX_PATH={sys.prefix}"], ["--build", str(build)]):
        done = subprocess.run(["cmake", *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return build / flowgraph.stem


@contextmanager
def running(command: list[str]) -> Iterator[None]:
    """Run a program that does not end by itself."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with process:
        try:
            yield
            assert process.poll() is None, process.communicate()
        finally:
            process.kill()


def receive_until_end(sock: socket.socket) -> list[decoder.Heap]:
    """Take the datagrams of a stream, to its end heap."""
    packets = []
    while True:
        packets.append(decoder.parse(sock.recv(65536)))
        if any(p.immediate and p.id == decoder.STREAM_CTRL for p in packets[-1].pointers):
            heaps = decoder.assemble_all(packets)
            if 2 in heaps[-1].controls:
                return heaps


def values(heaps: list[decoder.Heap], descriptors: list[decoder.Descriptor]) -> list[Any]:
    """Return the values of each heap that has some, by name."""
    by_id = {d.id: d for d in descriptors}
    result = []
    for heap in heaps:
        found = {}
        for item in heap.items:
            if item.id in by_id:
                d = by_id[item.id]
                found[d.name] = decoder.decode_value(decoder.item_bytes(item, d), d)
        if found:
            result.append(found)
    return result


@pytest.mark.parametrize("language", ["python", pytest.param("cpp", marks=pytest.mark.cxx)])
@pytest.mark.timeout(300)
def test_every_sink_of_a_generated_program_sends(tmp_path: Path, language: str) -> None:
    command_port = unused_port()
    program = compile_flowgraph(tmp_path, language, command_port)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pdus,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as commander,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        for sock in (udp, pdus):
            sock.bind(("127.0.0.1", 0))
        for sock in (udp, pdus, server):
            sock.settimeout(60)
        dash = "-" if language == "python" else "_"
        options = []
        for name, sock in (("udp", udp), ("tcp", server), ("pdu", pdus)):
            options += [f"--{name}{dash}port", str(sock.getsockname()[1])]
        start = [sys.executable, str(program)] if language == "python" else [str(program)]
        with running([*start, *options]):
            connection, _ = server.accept()
            with connection:
                connection.settimeout(60)
                over_tcp = b""
                while b"\x80\x00\x06\x00\x00\x00\x00\x02" not in over_tcp:  # the end heap
                    over_tcp += connection.recv(65536)
            over_udp = receive_until_end(udp)
            pdus.recv(65536)  # start heap: the flowgraph runs
            commander.sendto(b"hello", ("127.0.0.1", command_port))
            described = decoder.assemble_all([decoder.parse(pdus.recv(65536))])

    expected = np.resize(VALUES, 4000)
    descriptors = over_udp[1].descriptors()
    assert {d.name: d.description for d in descriptors} == {
        "it's": 'The "numbers"',
        "timestamp": "Time of the heap's first sample",
        "name": "whose",
        "gain": "",
        "early": "",
    }
    heaps = values(over_udp, descriptors)
    assert np.array_equal([h["it's"] for h in heaps], expected.reshape(40, 100))
    assert [h["timestamp"] for h in heaps] == [200 * n for n in range(40)]
    assert [h["early"] for h in heaps] == [100 * n - 100 for n in range(40)]
    assert {(b"".join(h["name"]), h["gain"]) for h in heaps} == {(b"antenna's", -0.1)}
    # The first heap and every tenth after it.
    assert [bool(h.descriptors()) for h in over_udp[1:-1]] == [n % 10 == 0 for n in range(40)]

    heaps = decoder.assemble_all(decoder.split(over_tcp[: over_tcp.rindex(b"S\x04\x03\x05")]))
    heaps = values(heaps, heaps[1].descriptors())
    assert [h["length"] for h in heaps] == [500] * 8
    assert np.array_equal(np.concatenate([h["samples"] for h in heaps]), expected)

    (pdu,) = values(described, described[0].descriptors())
    assert bytes(pdu["commands"]) == b"hello"


def test_variables_reach_the_running_blocks(tmp_path: Path) -> None:
    """Rate, interval and places are parameters that GNU Radio Companion changes while it runs."""
    command_port = unused_port()
    program = compile_flowgraph(tmp_path, "python", command_port)
    spec = importlib.util.spec_from_file_location("sinks_flowgraph", program)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pdus,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as commander,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        pdus.bind(("127.0.0.1", 0))
        pdus.settimeout(60)
        with suppress(PermissionError):
            udp.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(60)
        top = module.sinks_flowgraph(
            udp_port=udp.getsockname()[1],
            tcp_port=server.getsockname()[1],
            pdu_port=udp.getsockname()[1] ^ 1,
        )
        assert top.udp_sink.descriptor_interval() == 10
        top.head.set_length(20_000)
        top.set_rate(2e4)  # three seconds between bursts
        top.start()
        wait_until(lambda: top.udp_sink.heaps_sent() > 0)
        top.set_interval(1)
        assert top.udp_sink.descriptor_interval() == 1
        top.set_tcp_port(9)  # which is for the next time
        top.set_pdu_port(pdus.getsockname()[1])
        commander.sendto(b"hello", ("127.0.0.1", command_port))
        decoder.parse(pdus.recv(65536))
        top.set_rate(0)
        heaps = receive_until_end(udp)
        top.stop()
        top.wait()
    assert len(heaps) == 202
    assert [bool(h.descriptors()) for h in heaps[-31:-1]] == [True] * 30


def test_sinks_of_a_generated_program_share_a_stream(tmp_path: Path) -> None:
    """With a variable that is a stream: one start, one end, and the counts of one stream."""
    flowgraph = Path(__file__).with_name("shared_stream.grc")
    program = compile_flowgraph(tmp_path, "python", flowgraph=flowgraph)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(60)
        command = [sys.executable, str(program), "--port", str(udp.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stdout + done.stderr
        heaps = receive_until_end(udp)
    assert [heap.controls for heap in (heaps[0], heaps[-1])] == [[0], [2]]
    assert len({heap.cnt for heap in heaps}) == len(heaps) == 22
    descriptors = [d for heap in heaps for d in heap.descriptors()]
    found = values(heaps, descriptors)
    for name, expected in (("spectrum", [1.5, 2.5, 3.5, 4.5]), ("power", [7, 8])):
        samples = np.concatenate([heap[name] for heap in found if name in heap])
        assert np.array_equal(samples, np.resize(expected, 4000))


BOTH_ENDS = Path(__file__).with_name("both_ends.grc")


@pytest.mark.parametrize("language", ["python", pytest.param("cpp", marks=pytest.mark.cxx)])
@pytest.mark.timeout(300)
def test_a_generated_program_with_both_ends(tmp_path: Path, language: str) -> None:
    """Samples to heaps to samples in a file; the same to PDUs, which are sent on to here.

    And the same into a capture file, which is received from here.
    """
    program = compile_flowgraph(tmp_path, language, flowgraph=BOTH_ENDS)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as relay:
        with suppress(PermissionError):
            relay.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        relay.bind(("127.0.0.1", 0))
        relay.settimeout(60)
        dash = "-" if language == "python" else "_"
        ports = {"udp": unused_port(), "pdu": unused_port(), "relay": relay.getsockname()[1]}
        options = [w for k, v in ports.items() for w in (f"--{k}{dash}port", str(v))]
        start = [sys.executable, str(program)] if language == "python" else [str(program)]
        done = subprocess.run(
            [*start, *options], cwd=tmp_path, capture_output=True, text=True, timeout=100
        )
        assert done.returncode == 0, done.stdout + done.stderr
        heaps = receive_until_end(relay)
    expected = np.resize(VALUES, 4000)
    assert np.array_equal(np.fromfile(tmp_path / "samples_file", np.int32), expected)
    pdus = values(heaps, heaps[1].descriptors())
    assert np.array_equal([pdu["samples"] for pdu in pdus], expected.reshape(8, 500))
    assert [pdu["timestamp"] for pdu in pdus] == [500 * n for n in range(8)]
    stream = spead2.recv.Stream(spead2.ThreadPool(), spead2.recv.StreamConfig(max_heaps=20))
    file = tmp_path / "capture.pcap"
    stream.add_udp_pcap_file_reader(file, "dst 10.1.2.3 and udp dst port 7148 and ip[8] == 7")
    group = spead2.ItemGroup()
    captured = [
        group.update(heap)["samples"].value for heap in stream if not heap.is_start_of_stream()
    ]
    assert np.array_equal(captured, expected.reshape(8, 500))
