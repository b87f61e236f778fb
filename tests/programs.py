# SPDX-License-Identifier: Apache-2.0
"""Tests that are C++ programs: compile them and see that they say all held.

Nearly all are built with sanitizers, by CMakeLists.txt here. Run as a program, this builds all of
them, for those who have a core to spare before they are needed.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
ADDRESS = "address,undefined"
THREAD = "thread"


@functools.cache
def find_clang() -> str | None:
    """Return what is put behind the names of the compilers; None if there is no clang >= 16."""
    for suffix in ("-19", ""):
        if shutil.which(f"clang++{suffix}") is not None:
            command = [f"clang++{suffix}", "-dumpversion"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            if int(done.stdout.partition(".")[0]) >= 16:
                return suffix
    return None


def _run(*command: str | Path) -> None:
    words = [str(word) for word in command]
    environment = {**os.environ, "CCACHE_BASEDIR": str(ROOT), "CCACHE_NOHASHDIR": "1"}
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}\n{done.stdout}\n{done.stderr}")


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process builds in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@functools.cache
def _configure(sanitizers: str) -> Path:
    folder = ROOT / "build" / f"tests-{sanitizers.partition(',')[0]}"
    # GCC names functions in reports of races without a further program.
    clang = find_clang() if sanitizers != THREAD else None
    compilers = {"C": "cc", "CXX": "c++"} if clang is None else {"C": "clang", "CXX": "clang++"}
    with alone_in(folder):
        _run(
            *("cmake", "-G", "Ninja", "-S", FOLDER, "-B", folder, "-DCMAKE_BUILD_TYPE=None"),
            *(f"-DCMAKE_{name}_COMPILER={what}{clang or ''}" for name, what in compilers.items()),
            f"-DCMAKE_CXX_COMPILER_LAUNCHER={'ccache' if shutil.which('ccache') else ''}",
            f"-DSANITIZERS={sanitizers}",
            "-DPython_EXECUTABLE=/usr/bin/python3",
        )
    return folder


def build_sanitized(program: str, sanitizers: str = ADDRESS) -> Path:
    """Build a program of CMakeLists.txt, or "all", and return where it is."""
    folder = _configure(sanitizers)
    with alone_in(folder):
        _run("ninja", "-C", folder, program)
    return folder / program


def check_sanitized(program: str, sanitizers: str = ADDRESS, timeout: float = 300) -> None:
    """Build a program of CMakeLists.txt and run it, for so many seconds at most."""
    _check(build_sanitized(program, sanitizers), timeout)


def check_program(
    source: Path, folder: Path, arguments: Sequence[str], timeout: float = 300
) -> None:
    """Compile a program in `folder`, with these arguments for the compiler, and run it."""
    program = folder / source.stem
    rooms = [f"-I{ROOT / room}" for room in ("include", "lib")]  # some look at private parts
    command = [os.environ.get("CXX", "g++"), "-std=c++20", "-pthread", *rooms, str(source)]
    subprocess.run([*command, *arguments, "-o", str(program)], check=True)
    _check(program, timeout)


def _check(program: Path, timeout: float) -> None:
    result = subprocess.run([program], capture_output=True, text=True, timeout=timeout)
    assert (result.returncode, result.stdout, result.stderr) == (0, "all held\n", "")


if __name__ == "__main__":
    for sanitizers in sys.argv[1:] or [ADDRESS, THREAD]:
        build_sanitized("all", sanitizers)
