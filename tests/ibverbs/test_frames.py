# SPDX-License-Identifier: Apache-2.0
"""The frames that arrive at the other end, byte for byte."""

from __future__ import annotations

import socket
import struct

import ibv_sender
import pytest
from ibverbs_fixtures import Device
from veth_network import SENDER_ADDRESS, Frame, FrameSocket, internet_checksum

import spead2.send


def expected_packets(sizes: list[int], cnt: int, max_packet_size: int) -> list[bytes]:
    """Packets of the heap that the scenario `send` makes of items of these sizes."""
    data = ibv_sender.pattern(sum(sizes), cnt - 1)
    arrays = []
    for size in sizes:
        arrays.append(data[:size])
        data = data[size:]
    heap = ibv_sender.make_heap(*arrays)
    return [bytes(p) for p in spead2.send.PacketGenerator(heap, cnt, max_packet_size)]


@pytest.mark.parametrize("ip_checksum", ["1", "0"], ids=["device checksum", "software checksum"])
@pytest.mark.parametrize("in_region", [False, True], ids=["copied", "gathered"])
def test_frames_are_right_to_the_byte(
    device: Device, capture: FrameSocket, ip_checksum: str, in_region: bool
) -> None:
    sizes = [[5000], [1], [300, 9000, 40], [20000]]
    run = device.run(
        "send",
        {"SOFTVERBS_IP_CSUM": ip_checksum},
        config={"max_packet_size": 1472},
        ibv={"endpoints": [["239.255.129.3", 7149]], "ttl": 17, "dscp": 46},
        sizes=sizes,
        regions=[[0, 20000]] if in_region else None,
    )
    packets = [p for i, s in enumerate(sizes) for p in expected_packets(s, i + 1, 1472)]
    frames = capture.read()
    assert [frame[42:] for frame in frames] == packets
    source_port = Frame.parse(frames[0]).source_port
    assert source_port >= 1024
    for frame, packet in zip(frames, packets):
        fields = Frame.parse(frame)
        # RFC 1112: the low 23 bits of the group, so that 255.129 becomes 7f.81 without its top bit.
        assert fields.destination_mac == bytes.fromhex("01005e7f8103")
        assert fields.source_mac == device.network.sender_mac
        assert fields.ether_type == 0x0800
        version, tos, length, ident, fragment, ttl, protocol = struct.unpack(
            ">BBHHHBB", fields.ip_header[:10]
        )
        assert (version, tos, length) == (0x45, 46 << 2, 28 + len(packet))
        assert (ident, fragment) == (0, 0x4000)  # whole, and not to be cut
        assert (ttl, protocol) == (17, socket.IPPROTO_UDP)
        assert internet_checksum(fields.ip_header) == 0
        assert fields.ip_header[12:16] == socket.inet_aton(SENDER_ADDRESS)
        assert fields.ip_header[16:20] == socket.inet_aton("239.255.129.3")
        assert fields.source_port == source_port
        assert fields.destination_port == 7149
        assert (fields.udp_length, fields.udp_checksum) == (8 + len(packet), 0)
    assert run.result == [
        {"sent": sum(map(len, expected_packets(s, i + 1, 1472)))} for i, s in enumerate(sizes)
    ]
    assert run.event("destroy_qp")["checksums"] == (len(frames) if ip_checksum == "1" else 0)


def test_each_substream_has_its_own_addresses(device: Device, capture: FrameSocket) -> None:
    endpoints = [["239.1.2.3", 7000], ["239.1.2.4", 7001], ["239.129.2.3", 7002]]
    device.run(
        "send_interleaved",
        config={"max_heaps": 3},
        ibv={"endpoints": endpoints},
        heaps=3,
        size=4000,
    )
    frames = [Frame.parse(frame) for frame in capture.read()]
    # ROUND_ROBIN: one packet of each heap in turn, so every slot's header has to change.
    assert [f.destination_port for f in frames[:6]] == [7000, 7001, 7002] * 2
    macs = {f.destination_port: f.destination_mac.hex() for f in frames}
    assert macs == {7000: "01005e010203", 7001: "01005e010204", 7002: "01005e010203"}
    for i, (group, port) in enumerate(endpoints):
        mine = [f for f in frames if f.destination_port == port]
        assert {f.ip_header[16:20] for f in mine} == {socket.inet_aton(str(group))}
        heap = ibv_sender.make_heap(ibv_sender.pattern(4000, i))
        packets = [bytes(p) for p in spead2.send.PacketGenerator(heap, i + 1, 1472)]
        assert [f.payload for f in mine] == packets
        assert all(internet_checksum(f.ip_header) == 0 for f in mine)


def test_slots_are_reused_with_the_right_headers(device: Device, capture: FrameSocket) -> None:
    """Many more packets than slots, of all sizes, to alternating destinations."""
    endpoints = [["239.1.2.3", 7000], ["239.1.2.4", 7001]]
    sizes = [[(i * 977) % 7000 + 1] for i in range(60)]
    run = device.run(
        "send",
        {"SOFTVERBS_IP_CSUM": "0"},
        ibv={"endpoints": endpoints, "buffer_size": 5 * 1514},
        sizes=sizes,
        substreams=[i // 3 % 2 for i in range(60)],
    )
    assert run.event("create_qp")["max_send_wr"] == 5
    frames = [Frame.parse(frame) for frame in capture.read()]
    packets = [
        (7000 + i // 3 % 2, packet)
        for i, s in enumerate(sizes)
        for packet in expected_packets(s, i + 1, 1472)
    ]
    assert [(f.destination_port, f.payload) for f in frames] == packets
    assert all(internet_checksum(f.ip_header) == 0 for f in frames)
    assert all(f.udp_length == 8 + len(f.payload) for f in frames)


def test_largest_packets(device: Device, capture: FrameSocket) -> None:
    device.run("send", config={"max_packet_size": 9172}, sizes=[[100000]])
    payloads = [frame[42:] for frame in capture.read()]
    assert payloads == expected_packets([100000], 1, 9172)
    assert max(map(len, payloads)) == 9168  # a multiple of 8


def test_packets_are_posted_in_batches_with_one_signal_each(
    device: Device, capture: FrameSocket
) -> None:
    run = device.run("send", config={"max_packet_size": 1472}, sizes=[[1000000]])
    totals = run.event("destroy_qp")
    assert totals["sends"] == len(capture.read())
    assert totals["signaled"] == totals["post_calls"]
    assert totals["sends"] > 20 * totals["post_calls"]


def test_source_port_is_reserved(device: Device, capture: FrameSocket) -> None:
    """No other socket of the interface can have it while the stream exists."""
    run = device.run("bind_all_ports")
    assert run.result == [Frame.parse(capture.read()[0]).source_port]


@pytest.mark.parametrize(
    ("buffer_size", "slots"),
    [(1, 1), (1513, 1), (2 * 1514 - 1, 1), (2 * 1514, 2), (1 << 30, 32768), (2**64 - 1, 32768)],
)
def test_buffer_size_is_whole_packets(
    device: Device, capture: FrameSocket, buffer_size: int, slots: int
) -> None:
    run = device.run("send", ibv={"buffer_size": buffer_size}, sizes=[[30000], [1]])
    assert run.event("create_qp")["max_send_wr"] == slots
    # More than the device has is a warning.
    assert (f"only {slots} packets can be in flight" in run.log) == (slots == 32768)
    packets = [p for i, s in enumerate([[30000], [1]]) for p in expected_packets(s, i + 1, 1472)]
    assert [frame[42:] for frame in capture.read()] == packets


@pytest.mark.parametrize(
    ("max_poll", "events"), [(1, True), (2**31 - 1, False)], ids=["one poll", "all the time"]
)
def test_max_poll_is_when_to_wait_for_the_interrupt(
    device: Device, capture: FrameSocket, max_poll: int, events: bool
) -> None:
    # Paced by the device, so slow that a poll finds nothing.
    run = device.run(
        "send",
        {"SOFTVERBS_PACING": "1:1000000"},
        config={"rate": 2e6, "rate_method": "HW"},
        ibv={"max_poll": max_poll},
        sizes=[[30000]],
    )
    assert (run.event("destroy_cq")["events"] > 0) == events
    assert [frame[42:] for frame in capture.read()] == expected_packets([30000], 1, 1472)
