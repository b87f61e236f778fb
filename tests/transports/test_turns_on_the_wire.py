# SPDX-License-Identifier: Apache-2.0
"""What packets in a turn are for: as many to one destination go in one message.

On loopback, a segmented message arrives as it was sent at a socket that takes coalesced ones.
"""

from __future__ import annotations

import contextlib
import socket
import struct

import numpy as np
import pytest
from recipes import heap_of

import spead2
import spead2.send
from spead2.send import GroupMode, HeapReference, PacketGenerator, StreamConfig

SOL_UDP, UDP_SEGMENT, UDP_GRO = 17, 103, 104
SIZE = 1000  # of packets
SUBSTREAMS = 4


def receivers(stack: contextlib.ExitStack) -> list[socket.socket]:
    made = []
    for _ in range(SUBSTREAMS):
        sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        try:
            sock.setsockopt(SOL_UDP, UDP_GRO, 1)
            sock.setsockopt(SOL_UDP, UDP_SEGMENT, 0)
        except OSError:
            pytest.skip("the kernel has no segmentation offload for UDP")
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(30)
        made.append(sock)
    return made


def messages(sock: socket.socket, packets: list[bytes]) -> list[int]:
    """Receive these packets, and return how many came in each message."""
    counts = []
    while sum(counts) < len(packets):
        data, controls, _, _ = sock.recvmsg(65536, 256)
        (segment,) = [struct.unpack("i", c)[0] for _, k, c in controls if k == UDP_GRO] or [SIZE]
        parts = [data[at : at + segment] for at in range(0, len(data), segment)]
        at = sum(counts)
        assert parts == packets[at : at + len(parts)]
        counts.append(len(parts))
    return counts


@pytest.mark.parametrize("given", ["in the configuration", "with the call"])
@pytest.mark.parametrize("turn", [1, 3, 8, 16])
def test_a_turn_is_one_message(turn: int, given: str) -> None:
    config = StreamConfig(max_packet_size=SIZE, max_heaps=SUBSTREAMS)
    options = {"turn_packets": turn}
    if given == "in the configuration":
        config.turn_packets, options = turn, {}
    with contextlib.ExitStack() as stack:
        socks = receivers(stack)
        stream = spead2.send.UdpStream(
            spead2.ThreadPool(), [sock.getsockname() for sock in socks], config
        )
        rng = np.random.default_rng(turn)
        # 48 packets each, all full but the last: a shorter one may end a segmented message.
        heaps = [
            HeapReference(
                heap_of(rng.integers(0, 256, 45_000, np.uint8)), cnt=1 + i, substream_index=i
            )
            for i in range(SUBSTREAMS)
        ]
        stream.send_heaps(heaps, GroupMode.ROUND_ROBIN, **options)
        for reference, sock in zip(heaps, socks):
            packets = list(PacketGenerator(reference.heap, reference.cnt, SIZE))
            whole, rest = divmod(len(packets), turn)
            assert messages(sock, packets) == [turn] * whole + ([rest] if rest else [])
