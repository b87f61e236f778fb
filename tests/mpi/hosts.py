# SPDX-License-Identifier: Apache-2.0
"""Network namespaces joined by a bridge: hosts that send, and one that receives."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess


class Hosts:
    """A receiver and so many senders at one switch."""

    receiver_address = "10.78.0.1"
    _numbers = itertools.count()

    def __init__(self, senders: int) -> None:
        mine = f"{os.getpid()}-{next(self._numbers)}"
        self.receiver = f"spead2-rx-{mine}"
        self.switch = f"spead2-sw-{mine}"
        self.senders = [f"spead2-tx{i}-{mine}" for i in range(senders)]
        self.sender_addresses = [f"10.78.0.{2 + i}" for i in range(senders)]

    @staticmethod
    def unavailable() -> str | None:
        """Say why there can be no hosts on this machine; None if there can."""
        if os.geteuid() != 0:
            return "network namespaces can only be made by root"
        if shutil.which("ip") is None:
            return "there is no program ip (Debian package iproute2)"
        probe = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True)
        return f"no network namespaces here: {probe.stderr.strip()}" if probe.returncode else None

    def _ip(self, namespace: str, arguments: str) -> None:
        subprocess.run(["ip", "-n", namespace, *arguments.split()], check=True)

    def _join(self, namespace: str, number: int) -> None:
        """Plug a host into the switch."""
        subprocess.run(["ip", "netns", "add", namespace], check=True)
        mac = f"02:00:00:00:01:{number:02x}"
        self._ip(
            self.switch,
            f"link add port{number} type veth peer eth0 address {mac} netns {namespace}",
        )
        self._ip(self.switch, f"link set port{number} master switch up")
        self._ip(namespace, f"addr add 10.78.0.{number}/24 dev eth0")
        self._ip(namespace, "link set eth0 up")
        self._ip(namespace, "route add 239.0.0.0/8 dev eth0")

    def __enter__(self) -> Hosts:
        """Make all."""
        try:
            subprocess.run(["ip", "netns", "add", self.switch], check=True)
            self._ip(self.switch, "link add switch type bridge")
            self._ip(self.switch, "link set switch up")
            self._join(self.receiver, 1)
            for i, sender in enumerate(self.senders):
                self._join(sender, 2 + i)
                # With a known neighbour nothing is dropped while it is looked for.
                self._ip(
                    sender,
                    f"neighbour add {self.receiver_address} lladdr 02:00:00:00:01:01 dev eth0",
                )
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Take all away."""
        for name in (*self.senders, self.receiver, self.switch):
            subprocess.run(["ip", "netns", "delete", name], stderr=subprocess.DEVNULL)
