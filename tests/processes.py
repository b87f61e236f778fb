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
