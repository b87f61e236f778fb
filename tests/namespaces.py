# SPDX-License-Identifier: Apache-2.0
"""Two network namespaces with a cable between them: a network of our own to try things out in."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Iterator

CLONE_NEWNET = 0x40000000


class Link:
    """Namespaces "near" and "far", joined by a pair of virtual Ethernet devices.

    Sockets belong to the namespace of the thread that makes them, wherever they are used.
    """

    near_address = "10.77.0.1"
    far_address = "10.77.0.2"
    near_device = "near0"
    _near_mac = "02:00:00:00:00:01"
    _far_mac = "02:00:00:00:00:02"

    def __init__(self) -> None:
        self._names = {end: f"spead2-{end}-{os.getpid()}" for end in ("near", "far")}
        self._libc = ctypes.CDLL(None, use_errno=True)

    @staticmethod
    def unavailable() -> str | None:
        """Say why there can be no link on this machine; None if there can."""
        if os.geteuid() != 0:
            return "network namespaces can only be made by root"
        for tool in ("ip", "tc"):
            if shutil.which(tool) is None:
                return f"there is no program {tool} (Debian package iproute2)"
        probe = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True)
        return f"no network namespaces here: {probe.stderr.strip()}" if probe.returncode else None

    def ip(self, end: str, *arguments: str) -> None:
        """Run ``ip`` in a namespace."""
        subprocess.run(["ip", "-n", self._names[end], *arguments], check=True)

    def tc(self, end: str, *arguments: str) -> None:
        """Run ``tc`` in a namespace."""
        subprocess.run(["tc", "-n", self._names[end], *arguments], check=True)

    def run(self, end: str, *command: str, text: str | None = None) -> None:
        """Run a program in a namespace; `text` is its input."""
        subprocess.run(
            ["ip", "netns", "exec", self._names[end], *command], check=True, input=text, text=True
        )

    def output(self, end: str, *command: str) -> str:
        """Return what a program prints in a namespace."""
        return subprocess.run(
            ["ip", "netns", "exec", self._names[end], *command],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    def start(self, end: str, *command: str) -> subprocess.Popen[str]:
        """Start a program in a namespace, its input and output on pipes."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self._names[end], *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Link:
        """Make both ends."""
        try:
            for name in self._names.values():
                subprocess.run(["ip", "netns", "add", name], check=True)
            self.ip(
                "near",
                *f"link add near0 address {self._near_mac} type veth".split(),
                *f"peer far0 address {self._far_mac} netns {self._names['far']}".split(),
            )
            # With known neighbours nothing is dropped while they are looked for.
            for end, address, peer, peer_mac in (
                ("near", self.near_address, self.far_address, self._far_mac),
                ("far", self.far_address, self.near_address, self._near_mac),
            ):
                self.ip(end, *f"addr add {address}/24 dev {end}0".split())
                self.ip(end, *f"link set {end}0 up".split())
                self.ip(end, *f"neighbour add {peer} lladdr {peer_mac} dev {end}0".split())
            for end in ("near", "far"):
                self._wait_until_up(end)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait_until_up(self, end: str) -> None:
        """Wait for the kernel to notice the cable, for which it may take a second."""
        limit = time.monotonic() + 60
        while "state UP" not in self.output(end, "ip", "link", "show", f"{end}0"):
            if time.monotonic() > limit:
                raise TimeoutError(f"the device {end}0 does not come up")
            time.sleep(0.01)

    def __exit__(self, *_: object) -> None:
        """Take both ends away; sockets that are still there keep what they need."""
        for name in self._names.values():
            subprocess.run(["ip", "netns", "delete", name], stderr=subprocess.DEVNULL)

    @contextlib.contextmanager
    def at(self, end: str) -> Iterator[None]:
        """Make the sockets of this thread at one end."""
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self._names[end]}", os.O_RDONLY)
        try:
            self._set_namespace(there)
            try:
                yield
            finally:
                self._set_namespace(here)
        finally:
            os.close(here)
            os.close(there)

    def _set_namespace(self, descriptor: int) -> None:
        if self._libc.setns(descriptor, CLONE_NEWNET) != 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), "setns")
