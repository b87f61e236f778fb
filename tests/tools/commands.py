# SPDX-License-Identifier: Apache-2.0
"""Runs the commands, ours and the reference's, and sockets that take what they send."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
#: Where the commands of the package under test are.
OURS = Path(sys.executable).parent
REFERENCE = ROOT / ".venv-reference" / "bin"


def run(
    *command: Any, code: int = 0, folder: Path = OURS, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, which must have this exit code."""
    words = [str(folder / command[0]), *map(str, command[1:])]
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


class Collector:
    """Takes one TCP connection and keeps all that comes."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._parts: list[bytes] = []
        self._thread = threading.Thread(target=self._collect)
        self._thread.start()

    def _collect(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            while True:
                part = connection.recv(1 << 20)
                if not part:
                    return
                self._parts.append(part)

    def result(self) -> bytes:
        """Wait for the end of the connection; return everything."""
        self._thread.join()
        self._listener.close()
        return b"".join(self._parts)


def free_port() -> int:
    """Return a UDP and TCP port that nobody has at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
