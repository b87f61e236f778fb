# SPDX-License-Identifier: Apache-2.0
"""Processors: how many this process may use, and whether they run at their speed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from .finding import Finding, State, read_text


def look() -> Iterator[Finding]:
    """Look at the cores and their governors."""
    allowed, there = len(os.sched_getaffinity(0)), os.cpu_count() or 1
    if allowed < there:
        yield Finding("CPU cores", State.NOTE, f"this process may use {allowed} of {there} cores")
    else:
        yield Finding("CPU cores", State.GOOD, f"{there}, all of them to be used")
    governors = {
        read_text(str(path)) or "unknown"
        for path in Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor")
    }
    if not governors:
        yield Finding(
            "CPU governor", State.GOOD, "no frequency scaling (a virtual machine, mostly)"
        )
    elif governors == {"performance"}:
        yield Finding("CPU governor", State.GOOD, "performance")
    else:
        yield Finding(
            "CPU governor",
            State.NOTE,
            f"{', '.join(sorted(governors))}: cores are slow at first when data comes in bursts",
            "cpupower frequency-set -g performance",
        )
