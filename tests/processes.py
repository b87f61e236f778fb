# SPDX-License-Identifier: Apache-2.0
"""What tests ask the kernel about processes that they have started."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

SYN_SENT = "02"


def wait_until_connecting(process: subprocess.Popen[str], port: int) -> None:
    """Wait until a program waits for an answer of TCP.

    Parameters
    ----------
    port
        The peer's.
    """
    limit = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < limit:
        for line in Path(f"/proc/{process.pid}/net/tcp").read_text().splitlines()[1:]:
            _, _, peer, state, *_ = line.split()
            if state == SYN_SENT and peer.endswith(f":{port:04X}"):
                return
    raise AssertionError("the program is not connecting")


def wait_until_bound(port: int, kind: str, process: subprocess.Popen[str]) -> None:
    """Return when a process has its port; the kernel lists it."""
    state = "07" if kind == "udp" else "0A"
    while process.poll() is None:
        for family in ("", "6"):
            for line in Path(f"/proc/net/{kind}{family}").read_text().splitlines()[1:]:
                words = line.split()
                if int(words[1].split(":")[1], 16) == port and words[3] == state:
                    return
        time.sleep(0.01)
    raise AssertionError(f"it ended: {process.communicate()}")
