# SPDX-License-Identifier: Apache-2.0
"""Runs ibv_receiver.py on the software device, and sends to it from real sockets."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import packets
from ibverbs_fixtures import GROUP, Device
from veth_network import RECEIVER_ADDRESS, SENDER_ADDRESS, in_namespace

HERE = pathlib.Path(__file__).parent
STOP = packets.whole(2**39, (packets.STREAM_CTRL, packets.STOP)).encode()
DATA = 0x1600


def payload(cnt: int, size: int = 100) -> bytes:
    return random.Random(cnt).randbytes(size)


def one(cnt: int, size: int = 100) -> bytes:
    """Return the only packet of a heap."""
    return packets.whole(cnt, (DATA, payload(cnt, size))).encode()


def told(cnt: int, size: int = 100) -> list[Any]:
    """Return what the program says of that heap."""
    return [cnt, {str(DATA): hashlib.sha256(payload(cnt, size)).hexdigest()}]


class Receiver:
    """The program, or other `code` that says the same, and the socket that sends to it.

    Attributes
    ----------
    first_line
        "ready", or why it cannot receive.
    heaps
        What :meth:`finish` and :meth:`take` have read.
    """

    def __init__(
        self,
        device: Device,
        settings: dict[str, str],
        python: str = sys.executable,
        code: str = "",
        **arguments: Any,
    ) -> None:
        network = device.network
        self.port = network.unused_port()
        ibv = {
            "endpoints": [[GROUP, 0]],
            "interface_address": SENDER_ADDRESS,
            "buffer_size": 1 << 20,
            **arguments.pop("ibv", {}),
        }
        ibv["endpoints"] = [[host, port or self.port] for host, port in ibv["endpoints"]]
        device.runs += 1
        self._log = device.directory / f"device{device.runs}.jsonl"
        script = str(HERE / "ibv_receiver.py")
        if arguments.pop("by_environment", False):
            arguments["udp"] = [*ibv["endpoints"][0]]
        command = [python, "-E", script, json.dumps({"ibv": ibv, **arguments})]
        if code:
            command = [python, "-E", "-c", code]
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", network.sender, *command],
            env={
                **{k: v for k, v in os.environ.items() if not k.startswith("SOFTVERBS_")},
                "LD_LIBRARY_PATH": str(device.libraries),
                "SOFTVERBS_LOG": str(self._log),
                **settings,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.first_line = self._read()
        self.heaps: list[Any] = []
        self._going = False
        self.socket = in_namespace(network.receiver, self._make_socket)

    @staticmethod
    def _make_socket() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        interface = socket.inet_aton(RECEIVER_ADDRESS)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)
        return made

    def _read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def send(self, *sent: bytes, to: str = GROUP, port: int = 0) -> None:
        for packet in sent:
            self.socket.sendto(packet, (to, port or self.port))

    def go(self) -> None:
        """Have it take heaps."""
        if not self._going:
            self._going = True
            assert self.process.stdin is not None
            self.process.stdin.write("go\n")
            self.process.stdin.flush()

    def take(self) -> None:
        """Wait for a heap."""
        self.go()
        self.heaps.append(json.loads(self._read()))

    def finish(self, end: bool = True) -> dict[str, Any]:
        """End the stream, or wait until it ends by itself; return what there is to say."""
        self.go()
        while end and self.process.poll() is None:  # one of them may be lost
            self.send(STOP)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.02)
        assert self.process.wait() == 0
        assert self.process.stdout is not None
        *heaps, result = map(json.loads, self.process.stdout)
        self.heaps += heaps
        assert isinstance(result, dict)
        return result

    @property
    def cnts(self) -> list[int]:
        """Of the heaps that were read."""
        return [cnt for cnt, _ in self.heaps]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return what has happened to the device."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [event for event in map(json.loads, lines) if event["event"] == name]

    def wait_for(self, name: str, times: int = 1) -> None:
        """Wait until the device says that something has happened."""
        self.wait_until(lambda: len(self.events(name)) >= times)

    def wait_until(self, happened: Callable[[], bool]) -> None:
        while not happened():
            assert self.process.poll() is None, "it has ended"
            time.sleep(0.002)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.socket.close()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@contextlib.contextmanager
def receiver(
    device: Device, settings: dict[str, str] | None = None, **arguments: Any
) -> Iterator[Receiver]:
    """Run the program, as soon as packets may come."""
    made = Receiver(device, settings or {}, **arguments)
    try:
        assert made.first_line == "ready\n"
        yield made
    finally:
        made.close()
