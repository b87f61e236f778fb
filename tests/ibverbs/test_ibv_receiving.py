# SPDX-License-Identifier: Apache-2.0
"""Streams that receive through ibverbs, on the software device, what real sockets send."""

from __future__ import annotations

import pathlib
import socket
import struct
from typing import Any

import packets
import pytest
from ibverbs_fixtures import GROUP, Device
from receiving_program import DATA, Receiver, one, payload, receiver, told
from software_device import unavailable
from veth_network import RECEIVER_ADDRESS, SENDER_ADDRESS, Network, in_namespace

import spead2
import spead2.recv

ROOT = pathlib.Path(__file__).resolve().parents[2]
OTHER_GROUP = "239.102.17.4"


@pytest.mark.parametrize(
    ("comp_vector", "kind"),
    [(0, "blocking"), (6, "asyncio"), (-1, "blocking")],
    ids=["interrupt 0", "interrupt 6 with asyncio", "polling"],
)
def test_packets_of_a_group(device: Device, comp_vector: int, kind: str) -> None:
    with receiver(device, ibv={"comp_vector": comp_vector}, kind=kind) as made:
        made.send(*(one(i, 10 * i) for i in range(1, 100)))
        result = made.finish()
        assert made.heaps == [told(i, 10 * i) for i in range(1, 100)]
        assert result["log"] == []
        assert result["reason"] == ""
        assert result["stats"]["max_batch"] <= 64
        (created,) = made.events("create_cq")
        assert created["channel"] == (comp_vector >= 0)
        assert created["comp_vector"] == max(comp_vector, 0) % 4
        (destroyed,) = made.events("destroy_qp")
        assert destroyed["overflows"] == 0
        assert len(made.events("destroy_cq")) == 1


def test_heaps_of_many_packets_are_whole(device: Device) -> None:
    """More than there is memory for, so that all of it is used again and again."""
    arguments: dict[str, Any] = {"max_poll": 1, "buffer_size": 30 * 9300, "max_size": 8072}
    with receiver(device, ibv=arguments, config={"explicit_start": True}) as made:
        for cnt in range(1, 8):
            heap = packets.whole(cnt, (DATA, payload(cnt, 160_000)))
            made.send(*(piece.encode() for piece in packets.cut(heap, *range(8000, 160_000, 8000))))
            made.take()
        made.finish()
        assert made.heaps == [told(cnt, 160_000) for cnt in range(1, 8)]


def test_several_endpoints_and_unicast(device: Device) -> None:
    endpoints = [[GROUP, 0], [OTHER_GROUP, 0], [GROUP, 7], [SENDER_ADDRESS, 0]]
    with receiver(device, ibv={"endpoints": endpoints}) as made:
        made.send(one(1))
        made.send(one(2), to=OTHER_GROUP)
        made.send(one(3), port=7)
        made.send(one(4), to=SENDER_ADDRESS)
        made.send(one(5), to=OTHER_GROUP, port=7)  # not one of them
        made.send(one(6), to=SENDER_ADDRESS, port=7)
        made.send(one(7))
        made.finish()
        assert made.cnts == [1, 2, 3, 4, 7]


def test_more_groups_than_a_socket_can_join(device: Device, network: Network) -> None:
    groups = [f"239.102.18.{i}" for i in range(1, 46)]

    def joined() -> str:
        return pathlib.Path("/proc/thread-self/net/igmp").read_text()

    with receiver(device, ibv={"endpoints": [[group, 0] for group in [GROUP, *groups]]}) as made:
        members = in_namespace(network.sender, joined)
        for group in groups:
            assert f"{struct.unpack('=I', socket.inet_aton(group))[0]:08X}" in members
        for i, group in enumerate(groups, 1):
            made.send(one(i), to=group)
        made.finish()
        assert made.cnts == list(range(1, 46))


def ethernet(payload: bytes, made: Receiver, **changed: Any) -> bytes:
    """Return a frame for the group, of which something is different."""
    udp_length = changed.get("udp_length", 8 + len(payload))
    ip_length = changed.get("ip_length", 28 + len(payload))
    address = socket.inet_aton(GROUP)
    mac = bytes([1, 0, 0x5E, address[1] & 0x7F, *address[2:]])
    ipv4 = struct.pack(
        ">BBHHHBBH4s4s",
        changed.get("version", 0x45),
        0,
        ip_length,
        1,
        changed.get("fragment", 0),
        1,
        changed.get("protocol", 17),
        0,
        socket.inet_aton(RECEIVER_ADDRESS),
        socket.inet_aton(changed.get("group", GROUP)),
    )
    udp = struct.pack(">HHHH", 1, changed.get("port", made.port), udp_length, 0)
    kind = struct.pack(">H", changed.get("ether_type", 0x0800))
    return mac + bytes(6) + kind + changed.get("tag", b"") + ipv4 + udp + payload


def test_foreign_frames_are_passed_over(device: Device, network: Network) -> None:
    def make() -> socket.socket:
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        raw.bind((network.receiver_interface, 0))
        return raw

    with (
        receiver(device, {"SOFTVERBS_STEER_BY_MAC": "1"}) as made,
        in_namespace(network.receiver, make) as raw,
    ):
        good = one(9)
        wrong: list[dict[str, Any]] = [
            {"udp_length": len(good) + 9},
            {"udp_length": 7},
            {"udp_length": 65535},
            {"ip_length": 20},
            {"ip_length": 27 + len(good)},
            {"ip_length": 65535},
            {"version": 0x46},
            {"version": 0x60},
            {"fragment": 0x2000},
            {"fragment": 0x0001},
            {"protocol": 6},
            {"group": OTHER_GROUP},
            {"port": made.port ^ 1},
            {"ether_type": 0x86DD},
            {"ether_type": 0x8100, "tag": b"\0\1\x08\0"},
        ]
        for changed in wrong:
            raw.send(ethernet(good, made, **changed))
        raw.send(ethernet(b"", made))
        raw.send(ethernet(good, made)[:30])
        raw.send(ethernet(one(1), made))
        raw.send(ethernet(one(2), made) + bytes(20))  # padding
        raw.send(ethernet(one(3), made, fragment=0x4000))  # "do not fragment"
        result = made.finish()
        assert made.cnts == [1, 2, 3]
        assert result["log"] == []
        (destroyed,) = made.events("destroy_qp")
        assert destroyed["receives"] >= len(wrong) + 6, "the device has steered them past us"


def test_packets_that_are_too_large_are_dropped(device: Device) -> None:
    with receiver(device, ibv={"max_size": 200}) as made:
        assert [len(one(i, n)) for i, n in ((1, 152), (2, 153))] == [200, 201]
        made.send(one(1, 152), one(2, 153), one(3, 5000), one(4, 151))
        result = made.finish()
        assert made.cnts == [1, 4]
        assert result["log"] == ["dropped packet due to truncation"] * 2


def test_a_queue_that_overflows_loses_packets_and_nothing_else(device: Device) -> None:
    arguments: dict[str, Any] = {"ring": {"heaps": 1}, "ibv": {"buffer_size": 16 * 9300}}
    with receiver(device, **arguments) as made:
        made.send(*(one(i) for i in range(200)))
        made.wait_for("overflow")
        made.finish()
        (destroyed,) = made.events("destroy_qp")
        assert destroyed["overflows"] > 0
        assert made.cnts == sorted(set(made.cnts))
        assert made.cnts[:16] == list(range(16))
        assert made.heaps == [told(i) for i in made.cnts]


def test_programs_that_know_nothing_of_ibverbs(device: Device) -> None:
    environment = {"SPEAD2_IBV_INTERFACE": SENDER_ADDRESS, "SPEAD2_IBV_COMP_VECTOR": "3"}
    with receiver(device, environment, by_environment=True) as made:
        made.send(one(1))
        result = made.finish()
        assert made.heaps == [told(1)]
        assert result["log"] == [f"Overriding reader for {GROUP}:{made.port} to use ibverbs"]
        (created,) = made.events("create_cq")
        assert created["comp_vector"] == 3


def test_an_environment_that_cannot_be_understood(device: Device) -> None:
    with receiver(device, {"SPEAD2_IBV_INTERFACE": "eth0?"}, by_environment=True) as made:
        made.send(one(1))
        result = made.finish()
        assert made.heaps == [told(1)]
        assert (
            "SPEAD2_IBV_INTERFACE is 'eth0?', which is not an IPv4 address: ignored"
            in result["log"]
        )
        assert made.events("create_cq") == []


def test_another_program_receives_on_the_software_device(device: Device) -> None:
    python = ROOT / ".venv-reference" / "bin" / "python"
    if not python.exists():
        unavailable("the reference package is not installed (script/setup does it)")
    with receiver(device, python=str(python)) as made:
        made.send(*(one(i) for i in range(1, 50)))
        made.finish()
        assert made.heaps == [told(i) for i in range(1, 50)]


@pytest.mark.parametrize(
    ("ibv", "error", "text"),
    [
        ({"endpoints": []}, ValueError, "endpoints is empty"),
        ({"endpoints": [("::1", 1)]}, ValueError, "endpoint is not an IPv4 address"),
        ({"endpoints": [("10.99.0.7", 1)]}, ValueError, "does not match interface"),
        ({"interface_address": ""}, ValueError, "interface address has not been specified"),
        ({"interface_address": "::1"}, ValueError, "interface address is not an IPv4 address"),
        ({"endpoints": [("no.such.invalid", 1)]}, RuntimeError, "no.such.invalid"),
    ],
)
def test_what_cannot_be_is_refused_before_a_device_is_looked_for(
    ibv: dict[str, Any], error: type[Exception], text: str
) -> None:
    stream = spead2.recv.Stream(spead2.ThreadPool())
    config = spead2.recv.UdpIbvConfig(
        **{"endpoints": [(GROUP, 1)], "interface_address": "127.0.0.1", **ibv}
    )
    with pytest.raises(error, match=text):
        stream.add_udp_ibv_reader(config)


def test_attributes_are_those_of_the_reference() -> None:
    config = spead2.recv.UdpIbvConfig()
    assert (config.endpoints, config.interface_address) == ([], "")
    assert (config.buffer_size, config.max_size) == (16777216, 9200)
    assert (config.comp_vector, config.max_poll) == (0, 10)
    config.buffer_size = 0
    assert config.buffer_size == spead2.recv.UdpIbvConfig.DEFAULT_BUFFER_SIZE
    config.endpoints = (("239.1.1.1", 1),)  # type: ignore[assignment]
    config.endpoints.append(("239.1.1.2", 2))
    assert config.endpoints == [("239.1.1.1", 1)]
    with pytest.raises(ValueError, match="max_size"):
        config.max_size = 0
    with pytest.raises(ValueError, match="max_poll"):
        config.max_poll = 0
