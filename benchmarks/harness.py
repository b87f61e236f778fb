# SPDX-License-Identifier: Apache-2.0
"""What the benchmark programs share: who is measured, where it is sent, how a process is run.

Knows nothing of what is measured; that is in ``cases.py`` and in the programs themselves.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "build" / "benchmarks"
CASES = ROOT / "benchmarks" / "cases.py"

#: Who is measured, and the environment that has it.
PACKAGES = {
    "ours": (".venv", "this package"),
    "wheel": (".venv-reference", "reference, wheel"),
    "source": (".venv-reference-source", "reference, from source"),
}

Result = dict[str, float]

TUNABLES = "glibc.cpu.x86_rep_movsb_threshold=100000000"
PATHS = {"PATH": os.environ.get("PATH", "/usr/bin:/bin")}

#: Bytes of different heaps that a row of bulk reads: more than a core's caches hold, so that memory
#: is read, as where data are new. The limit reads as much.
MEMORY = 64 << 20


def heaps_in_turn(heap_size: int) -> int:
    """Return how many different heaps of so many bytes are sent in turn."""
    return max(1, min(256, MEMORY // heap_size))


def interpreter(package: str) -> Path:
    """Return the Python of a package's environment."""
    return ROOT / PACKAGES[package][0] / "bin" / "python"


def output_of(command: list[str], **options: Any) -> dict[str, Any]:
    """Run a command that prints one JSON object, and return it."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, timeout=120, check=False, **options
    )
    if done.returncode != 0:
        sys.exit(f"failed with status {done.returncode}: {' '.join(command)}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def case_command(package: str, case: str, ports: list[int], **options: float) -> list[str]:
    """Return the command that measures a case of ``cases.py``."""
    command = [str(interpreter(package)), str(CASES), case]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", f"{value:.12g}"]
    return [*command, "--port", *map(str, ports)]


def measure_case(package: str, case: str, ports: list[int], **options: float) -> Result:
    """Measure a case of ``cases.py`` in a process of its own."""
    return output_of(case_command(package, case, ports, **options))


def valgrind(options: list[str], command: list[str]) -> str:
    """Run a command under callgrind and return what that says."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", *options, *command],
        capture_output=True,
        text=True,
        check=False,
        # One instruction that copies any number of bytes would be counted once a byte.
        env={**PATHS, "PYTHONHASHSEED": "0", "GLIBC_TUNABLES": TUNABLES},
    )
    if done.returncode != 0:
        sys.exit(f"failed: {' '.join(command)}\n{done.stderr[-2000:]}")
    return done.stderr


def count_case(package: str, case: str, options: list[str], repetitions: int, port: int) -> int:
    """Return the instructions of what a case of ``cases.py`` repeats, of all threads together."""
    with tempfile.TemporaryDirectory() as folder:
        # Start-up of Python differs by millions from run to run: count only between the marks.
        marks = ["--zero-before=getpgid", "--dump-before=getsid"]
        command = [str(interpreter(package)), str(CASES), case, *options]
        command += ["--repetitions", str(repetitions), "--port", str(port)]
        valgrind([*marks, f"--callgrind-out-file={folder}/out"], command)
        found = re.search(r"^totals: (\d+)", Path(folder, "out.1").read_text(), re.MULTILINE)
        assert found is not None
        return int(found.group(1))


def available(wanted: list[str]) -> dict[str, dict[str, str]]:
    """Return which of the packages are there, with their versions; say which are not."""
    found = {}
    for package in wanted:
        python = interpreter(package)
        probe = (
            subprocess.run(
                [str(python), str(CASES), "version"], capture_output=True, text=True, check=False
            )
            if python.exists()
            else None
        )
        if probe is not None and probe.returncode == 0:
            found[package] = json.loads(probe.stdout)
        else:
            where, name = PACKAGES[package]
            print(f"not measured: {name} (no working spead2 in {where})", file=sys.stderr)
    return found


@contextlib.contextmanager
def sink(program: str, *arguments: str) -> Iterator[list[int]]:
    """Run one of the sinks in a process of its own; gives its ports."""
    path = PROGRAMS / program
    if not path.exists():
        sys.exit(f"{path} is missing: run benchmarks/setup")
    with subprocess.Popen(
        [str(path), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield [int(word) for word in process.stdout.readline().split()]
        finally:
            process.stdin.close()
            process.wait()


def machine() -> dict[str, str]:
    """Describe where the figures come from."""
    model = "unknown processor"
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = " ".join(line.split(":", 1)[1].split())
                break
    return {
        "date": datetime.date.today().isoformat(),
        "processor": f"{model}, {os.cpu_count()} cores",
        "kernel": f"{platform.system()} {platform.release()}",
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def rotated(names: list[str], by: int) -> list[str]:
    """Return the same list beginning elsewhere, so that nobody is always first."""
    by %= max(1, len(names))
    return names[by:] + names[:by]
