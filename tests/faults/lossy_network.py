# SPDX-License-Identifier: Apache-2.0
"""A stream over a network that loses, doubles and shuffles: what arrives, and what is counted.

From the sender packets go to a relay, which doubles some and sends them on in another order; in
front of the receiver, in another namespace, nftables drops some at random. As a program it does
that for as long as is wanted, prints a table, and ends with 1 if something was wrong:

    tests/faults/lossy_network.py --seconds 600
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import pathlib
import random
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import lossy_heaps
from namespaces import Link

import spead2
import spead2.send

HERE = pathlib.Path(__file__).resolve().parent
RULES = """
table ip bad {{
    chain input {{
        type filter hook input priority 0; policy accept;
        iifname "far0" numgen random mod 1000 < {per_mille} counter drop
    }}
}}
"""
#: Packets that wait in the relay; one of them at random goes next.
WINDOW = 32


class Relay:
    """Sends on what it gets, in another order, and some of it twice."""

    def __init__(self, link: Link, doubled: float) -> None:
        self._random = random.Random(1)
        self._doubled = doubled
        self._in = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._in.setsockopt(socket.SOL_SOCKET, 33, 1 << 28)  # SO_RCVBUFFORCE
        self._in.bind(("127.0.0.1", 0))
        with link.at("near"):
            self._out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.received = self.sent = 0
        self._thread = threading.Thread(target=self._run)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._in.getsockname()
        return host, port

    def start(self, to: tuple[str, int]) -> None:
        """Send to there from now on."""
        self._out.connect(to)
        self._thread.start()

    def _send(self, packet: bytes) -> None:
        for _ in range(1 + (self._random.random() < self._doubled)):
            self._out.send(packet)
            self.sent += 1

    def _run(self) -> None:
        waiting: list[bytes] = []
        while packet := self._in.recv(65536):
            self.received += 1
            waiting.append(packet)
            if len(waiting) == WINDOW:
                self._send(waiting.pop(self._random.randrange(WINDOW)))
        self._random.shuffle(waiting)
        for packet in waiting:
            self._send(packet)

    def finish(self) -> None:
        """Send on what is left."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.address)
        self._thread.join()
        self._in.close()
        self._out.close()


@dataclasses.dataclass
class Outcome:
    """What was sent, what the network did with it, and what the receiver says."""

    heaps_sent: int
    relayed: int
    dropped: int
    whole: int
    wrong: int
    incomplete: int
    cnts: int
    memory: list[int]
    stats: dict[str, int]

    def faults(self) -> list[str]:
        """Say what does not add up."""
        stats = self.stats
        settled = self.memory[len(self.memory) // 4 :]
        half = len(settled) // 2
        checks = {
            "a heap has other data than was sent": self.wrong == 0,
            "packets got lost on the way into the statistics": stats["packets"]
            == self.relayed - self.dropped + 1,  # the end of the stream is not relayed
            # The heap that ends the stream is counted in neither.
            "heaps got lost on the way out of the stream": stats["heaps"]
            == self.whole + self.incomplete,
            "incomplete heaps are counted wrongly": stats["incomplete_heaps_evicted"]
            + stats["incomplete_heaps_flushed"]
            == self.incomplete,
            "heaps came that nobody sent": self.cnts <= self.heaps_sent,
            "whole heaps are missing without a reason": self.cnts >= 0.99 * self.heaps_sent,
            "nothing came whole": self.whole > 0,
            "nothing was lost": self.incomplete > 0,
            "memory grew": max(settled[half:]) <= max(settled[:half]) + (8 << 20),
        }
        return [fault for fault, holds in checks.items() if not holds]


def run(seconds: float, rate: float = 50e6, lost: float = 0.2, doubled: float = 0.05) -> Outcome:
    """Send at a rate (bytes a second) over the bad network."""
    with Link() as link, contextlib.ExitStack() as stack:
        link.ip("near", "link", "set", "near0", "mtu", "9000")
        link.ip("far", "link", "set", "far0", "mtu", "9000")
        link.ip("far", "link", "set", "lo", "up")
        link.run("far", "nft", "-f", "-", text=RULES.format(per_mille=round(lost * 1000)))
        program = [sys.executable, str(HERE / "lossy_receiver.py"), link.far_address]
        receiver = stack.enter_context(link.start("far", *program))
        stack.callback(receiver.kill)
        assert receiver.stdout is not None
        port = int(receiver.stdout.readline())
        relay = Relay(link, doubled)
        relay.start((link.far_address, port))
        pool = spead2.ThreadPool()
        config = spead2.send.StreamConfig(rate=rate, max_packet_size=8972)
        stream = spead2.send.UdpStream(pool, [relay.address], config)
        heaps = lossy_heaps.make_heaps()
        sent = 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            sent += 1
            stream.send_heap(heaps[sent % len(heaps)], sent)
        relay.finish()
        with link.at("far"):
            last = spead2.send.UdpStream(pool, [(link.far_address, port)])
        last.send_heap(spead2.send.ItemGroup().get_end(), cnt=(1 << 40) - 1)
        said = json.loads(receiver.communicate()[0])
        rules = json.loads(link.output("far", "nft", "-j", "list", "ruleset"))
        (dropped,) = (
            part["counter"]["packets"]
            for entry in rules["nftables"]
            if "rule" in entry
            for part in entry["rule"]["expr"]
            if "counter" in part
        )
    return Outcome(heaps_sent=sent, relayed=relay.sent, dropped=dropped, **said)


def main() -> None:
    """Run for as long as asked, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--seconds", type=float, default=600, help="how long (default: %(default)s)"
    )
    parser.add_argument("--rate", type=float, default=50e6, help="bytes a second (%(default)s)")
    parser.add_argument("--lost", type=float, default=0.2, help="share of packets (%(default)s)")
    parser.add_argument("--doubled", type=float, default=0.05, help="the same (%(default)s)")
    args = parser.parse_args()
    outcome = run(args.seconds, args.rate, args.lost, args.doubled)
    memory = outcome.memory[len(outcome.memory) // 4 :]
    half = len(memory) // 2
    rows = {
        "heaps sent": outcome.heaps_sent,
        "packets on the wire": outcome.relayed,
        "packets dropped by the network": outcome.dropped,
        "heaps whole": outcome.whole,
        "heaps whole but wrong": outcome.wrong,
        "heaps incomplete": outcome.incomplete,
        "memory, most in the first half (MiB)": max(memory[:half]) >> 20,
        "memory, most in the second half (MiB)": max(memory[half:]) >> 20,
        **outcome.stats,
    }
    for name, value in rows.items():
        print(f"{name:40} {value:>14,}")
    faults = outcome.faults()
    for fault in faults:
        print(f"wrong: {fault}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
