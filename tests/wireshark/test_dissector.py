# SPDX-License-Identifier: Apache-2.0
"""What tshark shows with our dissector is what was sent, in captures of what a stream made."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spead2
import spead2.send

DISSECTOR = Path(__file__).resolve().parents[2] / "packaging" / "wireshark" / "spead.lua"

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="there is no tshark")


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def write_capture(path: Path, segments: list[bytes], protocol: int) -> None:
    """Write the payloads as a capture of raw IP packets, UDP (17) or TCP (6)."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101))
        sequence = 1000
        for number, payload in enumerate(segments):
            if protocol == 17:
                inner = struct.pack(">HHHH", 4000, 7148, len(payload) + 8, 0)
            else:
                inner = struct.pack(">HHIIBBHHH", 4000, 7148, sequence, 1, 0x50, 0x18, 8192, 0, 0)
                sequence += len(payload)
            length = 20 + len(inner) + len(payload)
            addresses = bytes([10, 0, 0, 1, 10, 0, 0, 2])
            start = struct.pack(">BBHHHBB", 0x45, 0, length, number, 0, 64, protocol)
            start += struct.pack(">H", checksum(start + addresses)) + addresses
            packet = start + inner + payload
            file.write(struct.pack("<IIII", number, 0, len(packet), len(packet)) + packet)


def dissect(path: Path, *options: str) -> list[dict[str, Any]]:
    """Return the layers of each frame, fields with all their values."""
    # The script is read on top of no plugins of the user's.
    command = ["tshark", "-r", str(path), "-X", f"lua_script:{DISSECTOR}", "-T", "ek", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Lua" not in done.stderr, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [line["layers"] for line in lines if "layers" in line]


def packets_of(heaps: list[spead2.send.Heap], size: int) -> list[bytes]:
    return [
        bytes(packet)
        for cnt, heap in enumerate(heaps, 1)
        for packet in spead2.send.PacketGenerator(heap, cnt, size)
    ]


def make_heaps(flavour: spead2.Flavour) -> list[spead2.send.Heap]:
    group = spead2.send.ItemGroup(flavour=flavour)
    group.add_item(0x1000, "timestamp", "Number of a sample", (), format=[("u", 48)])
    group.add_item(0x1001, "spectrum", "Power of channels", (4,), np.dtype("<f4"))
    group.add_item(0x1002, "counts", "Signed", (3,), format=[("i", 24)])
    group["timestamp"].value = 2**40 - 5 if flavour.heap_address_bits == 40 else 2**47 + 5
    group["spectrum"].value = [0.5, 1.5, -2, 1e6]
    group["counts"].value = [-1, 2, -3]
    return [group.get_heap(), group.get_end()]


def all_of(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("bits", [40, 48])
def test_flavour_descriptors_and_values_are_shown(bits: int, tmp_path: Path) -> None:
    heaps = make_heaps(spead2.Flavour(4, 64, bits))
    write_capture(tmp_path / "x.pcap", packets_of(heaps, 1472), 17)
    first, stop = (layers["spead"] for layers in dissect(tmp_path / "x.pcap"))
    assert first["spead_spead_flavour"] == f"SPEAD-64-{bits}"
    described = all_of(first["spead_spead_descriptor"])
    assert described[0] == "timestamp (0x1000): Number of a sample; shape (); u48"
    assert described[1].startswith(
        "spectrum (0x1001): Power of channels; shape (4); {'descr': '<f4'"
    )
    assert described[2] == "counts (0x1002): Signed; shape (3); i24"
    values = all_of(first["spead_spead_item_value"])
    assert "0.5 1.5 -2 1e+06" in values
    assert "-1 2 -3" in values
    if bits == 48:
        assert str(2**47 + 5) in all_of(first["spead_spead_item_immediate"])
    else:
        assert str(2**40 - 5) in values
    assert all_of(first["spead_spead_item_name"]).count("spectrum") == 1
    assert stop["spead_spead_control"] == "stop of stream"


def test_heaps_are_followed(tmp_path: Path) -> None:
    heap = spead2.send.Heap()
    data = np.arange(4000, dtype=np.uint8)
    heap.add_item(spead2.Item(0x1000, "x", "", (4000,), np.uint8, value=data))
    other = spead2.send.Heap()
    other.add_item(spead2.Item(0x1000, "x", "", (10,), np.uint8, value=data[:10]))
    packets = packets_of([heap, other], 1472)
    assert len(packets) == 4
    packets = [packets[i] for i in (0, 3, 1, 2)]  # another heap between them
    write_capture(tmp_path / "x.pcap", packets, 17)
    layers = [layer["spead"] for layer in dissect(tmp_path / "x.pcap", "-2")]
    shown = [
        (
            layer["spead_spead_heap_cnt"],
            layer["spead_spead_heap_first_frame"],
            layer.get("spead_spead_heap_previous_frame"),
            layer["spead_spead_heap_packets"],
            layer["spead_spead_heap_complete"],
        )
        for layer in layers
    ]
    assert shown == [
        ("1", "1", None, "1", False),
        ("2", "2", None, "1", True),
        ("1", "1", "1", "2", False),
        ("1", "1", "3", "3", True),
    ]
    assert layers[3]["spead_spead_heap_received"] == "4000"


@pytest.mark.parametrize("size", [1, 7, 100, 1460])
def test_packets_over_tcp_are_found_wherever_segments_end(size: int, tmp_path: Path) -> None:
    stream = b"".join(packets_of(make_heaps(spead2.Flavour()), 400))
    head, rest = stream[:60], stream[60:]  # by its first bytes it is known
    segments = [head] + [rest[i : i + size] for i in range(0, len(rest), size)]
    write_capture(tmp_path / "x.pcap", segments, 6)
    cnts: list[str] = []
    for layers in dissect(tmp_path / "x.pcap"):
        for layer in all_of(layers.get("spead", [])):
            cnts += all_of(layer["spead_spead_heap_cnt"])
    count = len(packets_of(make_heaps(spead2.Flavour()), 400))
    assert cnts == ["1"] * (count - 1) + ["2"]


def test_other_traffic_is_left_alone_and_broken_packets_are_named(tmp_path: Path) -> None:
    whole = packets_of(make_heaps(spead2.Flavour()), 1472)[0]
    write_capture(tmp_path / "x.pcap", [b"Something else entirely", whole[:30], whole[:-5]], 17)
    other, no_pointers, no_payload = dissect(tmp_path / "x.pcap")
    assert "spead" not in other
    assert "item pointers are cut off" in json.dumps(no_pointers)
    assert "payload is cut off" in json.dumps(no_payload)
