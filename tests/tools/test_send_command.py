# SPDX-License-Identifier: Apache-2.0
"""What ``spead2 send`` sends is what is in the file, and its exit codes say what went wrong."""

from __future__ import annotations

import json
import re
import signal
import socket
import struct
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import decoder
import h5py
import numpy as np
import pytest
from commands import OURS, Collector, run

import spead2
import spead2.send

RECORDING = Path(__file__).resolve().parents[1] / "data" / "us01.wav"


def items_of(stream: bytes) -> dict[str, list[Any]]:
    """Return the values of each item of a stream, in order; the last heap must be its end."""
    heaps = decoder.assemble_all(decoder.split(stream))
    descriptors: dict[int, decoder.Descriptor] = {}
    values: dict[str, list[Any]] = {}
    for heap in heaps:
        for item in heap.items:
            if item.id == spead2.DESCRIPTOR_ID:
                found = decoder.parse_descriptor(item.data, 40, 0)
                descriptors[found.id] = found
        for item in heap.items:
            if item.id in descriptors:
                descriptor = descriptors[item.id]
                data = decoder.item_bytes(item, descriptor)
                values.setdefault(descriptor.name, []).append(
                    decoder.decode_value(data, descriptor)
                )
    return values


def send(*arguments: Any) -> dict[str, list[Any]]:
    """Run the command with a TCP destination; return what came there."""
    collector = Collector()
    run("spead2", "send", *arguments, "--tcp", "--fast", "--to", f"127.0.0.1:{collector.port}")
    return items_of(collector.result())


def test_wav_arrives(tmp_path: Path) -> None:
    sent = send(RECORDING, "--heap-samples", 4096)
    data = RECORDING.read_bytes()
    start = data.index(b"data") + 8
    (size,) = struct.unpack("<I", data[start - 4 : start])
    samples = np.frombuffer(data[start : start + size], "<i2")
    arrived = np.concatenate(sent["samples"])
    whole = len(samples) // 4096 * 4096
    np.testing.assert_array_equal(arrived, samples[:whole])
    assert [int(t) for t in sent["timestamp"]] == list(range(0, whole, 4096))
    (rate,) = struct.unpack("<I", data[24:28])
    assert sent["sample_rate"] == [rate]


@pytest.mark.parametrize("kind", ["npy", "npz", "h5", "raw", "sigmf"])
def test_files_arrive(kind: str, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    samples = random.integers(-(2**15), 2**15, (1000, 2)).astype("<i2")
    path = tmp_path / f"samples.{kind}"
    options: list[Any] = []
    name = "samples"
    if kind == "npy":
        np.save(path, samples)
    elif kind == "npz":
        np.savez(path, voltages=samples, other=np.zeros(3))
        options, name = ["--dataset", "voltages"], "voltages"
    elif kind == "h5":
        with h5py.File(path, "w") as file:
            file["receiver/voltages"] = samples
        name = "receiver.voltages"
    elif kind == "raw":
        samples = samples[:, 0].copy()
        samples.tofile(path)
        options = ["--dtype", "<i2"]
    else:
        samples.tofile(path.with_suffix(".sigmf-data"))
        path = path.with_suffix(".sigmf-meta")
        description = {
            "global": {"core:datatype": "ci16_le", "core:sample_rate": 1e4},
            "captures": [{"core:sample_start": 0, "core:frequency": 1.42e9}],
        }
        path.write_text(json.dumps(description))
    sent = send(path, "--heap-samples", 100, *options)
    np.testing.assert_array_equal(np.concatenate(sent[name]), samples)
    if kind == "sigmf":
        assert sent["centre_frequency"] == [1.42e9]
        assert sent["sample_rate"] == [1e4]


def test_what_does_not_fill_a_heap_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(25))
    collector = Collector()
    to = ["--tcp", "--fast", "--to", f"127.0.0.1:{collector.port}"]
    done = run("spead2", "send", tmp_path / "x.npy", "--heap-samples", 10, "--json", *to)
    collector.result()
    result = json.loads(done.stdout)
    assert result["heaps"] == 2
    assert result["left_out_samples"] == 5


@pytest.mark.parametrize("pattern", ["tone", "ramp", "noise", "zeros"])
def test_patterns_arrive(pattern: str) -> None:
    sent = send("--pattern", pattern, "--heap-samples", 64, "--heaps", 3)
    arrived = np.concatenate(sent["samples"])
    assert len(arrived) == 192
    if pattern == "ramp":
        np.testing.assert_array_equal(arrived, np.arange(192))
    elif pattern == "tone":
        expected = np.exp(2j * np.pi * np.arange(192) / 1024).astype("c8")
        np.testing.assert_array_equal(arrived, expected)
    elif pattern == "zeros":
        assert not arrived.any()
    else:
        assert 0.5 < np.mean(np.abs(arrived) ** 2) / 2 < 1.5


def write_pcap(path: Path, payloads: list[bytes], times: list[float]) -> None:
    """Write datagrams as an Ethernet capture, one of them with a VLAN tag."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for index, (payload, moment) in enumerate(zip(payloads, times)):
            udp = struct.pack(">HHHH", 1000, 7148, len(payload) + 8, 0) + payload
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, len(udp) + 20, 0, 0, 1, 17, 0, b"", b"")
            tag = b"\x81\x00\x00\x05" if index == 1 else b""
            frame = bytes(12) + tag + b"\x08\x00" + ip + udp
            parts = round(moment % 1 * 1e6)
            file.write(struct.pack("<IIII", int(moment), parts, len(frame), len(frame)) + frame)


def test_capture_is_replayed_as_it_was(tmp_path: Path) -> None:
    heap = spead2.send.Heap()
    heap.add_item(spead2.Item(0x1000, "x", "", (4000,), np.uint8, value=np.arange(4000) % 256))
    payloads = [bytes(p) for p in spead2.send.PacketGenerator(heap, 1, 1472)]
    assert len(payloads) == 3
    write_pcap(tmp_path / "x.pcap", payloads, [5.25, 5.5, 5.75])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(30)
        to = ["--to", f"127.0.0.1:{receiver.getsockname()[1]}"]
        done = run("spead2", "send", tmp_path / "x.pcap", *to, "--speed", 10, "--json")
        assert [receiver.recv(65536) for _ in payloads] == payloads
    result = json.loads(done.stdout)
    assert result["datagrams"] == 3
    assert result["bytes"] == sum(map(len, payloads))
    assert result["seconds"] >= 0.05  # half a second, ten times as fast: never earlier


def test_endless_pattern_counts_for_prometheus_and_ends_when_interrupted() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(30)
        to = f"127.0.0.1:{receiver.getsockname()[1]}"
        words = [OURS / "spead2", "send", "--pattern", "--to", to, "--prometheus", "0", "--json"]
        words += ["--heap-samples", "64"]
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            match = re.search(r"http://\S+", process.stderr.readline())
            assert match
            receiver.recv(65536)
            heaps = 0.0
            while heaps < 2:
                with urllib.request.urlopen(match[0]) as answer:
                    text = answer.read().decode()
                found = re.search(r"(?m)^spead2_sent_heaps_total (\S+)$", text)
                assert found
                heaps = float(found[1])
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate()
            assert process.returncode == 0
        result = json.loads(output)
        assert result["heaps"] >= heaps


def test_exit_codes_say_what_went_wrong(tmp_path: Path) -> None:
    assert "give either FILE or --pattern" in run("spead2", "send", code=2).stderr
    missing = run("spead2", "send", tmp_path / "no.wav", code=3)
    assert "no.wav" in missing.stderr
    (tmp_path / "bad.wav").write_bytes(b"RIFFxxxx")
    assert "not a WAV file" in run("spead2", "send", tmp_path / "bad.wav", code=3).stderr
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    refused = run("spead2", "send", "--pattern", "--tcp", "--to", f"127.0.0.1:{port}", code=4)
    assert "refused" in refused.stderr.lower()
    bad = run("spead2", "send", "--pattern", "--to", "127.0.0.1:70000", code=2)
    assert "0 to 65535" in bad.stderr
