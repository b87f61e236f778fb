# SPDX-License-Identifier: Apache-2.0
"""What was found at one place, and how to read small files that say how a machine is set up."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path


class State(enum.Enum):
    """How good what was found is."""

    GOOD = "good"
    NOTE = "note"  #: nothing is wrong, but better to know
    FAULT = "fault"  #: data will be lost, or something will not work
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """One result, with the command that mends it where there is one."""

    name: str
    state: State
    text: str
    command: str = ""


def read_text(path: str) -> str | None:
    """Return the contents of a small file; None if there is none."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def read_number(path: str) -> int | None:
    """Return the number in a small file; None if there is none."""
    text = read_text(path)
    try:
        return None if text is None else int(text)
    except ValueError:
        return None
