# SPDX-License-Identifier: Apache-2.0
"""Instructions of the engine, counted by callgrind in a driver from benchmarks/engine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ENGINE = Path(__file__).resolve().parents[2] / "benchmarks" / "engine"


def build(source: str, folder: Path) -> Path:
    """Build a driver against the installed engine."""
    path = folder / Path(source).stem
    prefix = Path(sys.prefix)
    library = next(prefix.glob("lib*/libspead2.so"))
    command = [os.environ.get("CXX", "g++"), "-std=c++20", "-O2", f"-I{prefix / 'include'}"]
    command += [str(ENGINE / source), str(library), f"-Wl,-rpath,{library.parent}"]
    subprocess.run([*command, "-pthread", "-o", str(path)], check=True)
    return path


def instructions(program: Path, case: str, repetitions: int) -> tuple[float, str]:
    """Return what a repetition costs over all threads, start-up left out, and what a run printed.

    The runs make as many repetitions, and twice as many, whose output it is.
    """
    # One instruction that copies any number of bytes would be counted once a byte.
    tunables = "glibc.cpu.x86_rep_movsb_threshold=100000000"
    counts = []
    for n in (repetitions, 2 * repetitions):
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        result = subprocess.run(
            [*command, str(program), case, str(n)],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "GLIBC_TUNABLES": tunables},
        )
        found = re.search(r"Collected : (\d+)", result.stderr)
        assert found is not None
        counts.append(int(found.group(1)))
    return (counts[1] - counts[0]) / repetitions, result.stdout
