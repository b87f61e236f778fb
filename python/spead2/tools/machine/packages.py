# SPDX-License-Identifier: Apache-2.0
"""Versions, whether two packages of one name are mixed, and GNU Radio with its Companion."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator

import numpy as np

import spead2

from ..._one_package import other_distribution
from .finding import Finding, State

#: GNU Radio belongs to one Python, often another than this.
_PROBE = (
    "from gnuradio import gr; print(gr.version()); from gnuradio import spead2; print('blocks')"
)


def look() -> Iterator[Finding]:
    """Look at the package, its neighbours and GNU Radio."""
    folder = os.path.dirname(os.path.abspath(spead2.__file__))
    versions = f"gr-spead2 {spead2.__version__} in {folder}, Python {platform.python_version()}, "
    versions += f"numpy {np.__version__}, Linux {platform.release()}"
    other = other_distribution(os.path.dirname(folder))
    if other is None:
        yield Finding("package", State.GOOD, versions)
    else:
        yield Finding(
            "package",
            State.FAULT,
            f"{other} is installed over gr-spead2 (or under it) in {os.path.dirname(folder)}",
            "python -m pip uninstall -y spead2 gr-spead2 && python -m pip install gr-spead2",
        )
    yield from _look_at_gnuradio()


def _look_at_gnuradio() -> Iterator[Finding]:
    pythons = dict.fromkeys([sys.executable, "/usr/bin/python3"])
    best: tuple[str, list[str]] | None = None
    for python in pythons:
        if not os.access(python, os.X_OK):
            continue
        # The tools' own folder must not be the first on its path.
        probe = subprocess.run(
            [python, "-c", _PROBE], capture_output=True, text=True, cwd="/", timeout=60
        )
        lines = probe.stdout.split()
        if lines and (best is None or len(lines) > len(best[1])):
            best = (python, lines)
    if best is None:
        yield Finding("GNU Radio", State.NOTE, "not found: no blocks, the Python package works")
        return
    python, lines = best
    if len(lines) == 1:
        yield Finding(
            "GNU Radio",
            State.NOTE,
            f"{lines[0]} for {python}, without the blocks of gr-spead2",
            "cmake -B build && cmake --build build && sudo cmake --install build",
        )
    else:
        yield Finding("GNU Radio", State.GOOD, f"{lines[0]} with our blocks, for {python}")
    if shutil.which("gnuradio-companion") is None:
        yield Finding("Companion", State.NOTE, "gnuradio-companion is not on PATH")
    else:
        yield Finding("Companion", State.GOOD, "there")
