# SPDX-License-Identifier: Apache-2.0
"""Build and run the fuzzing targets, and Python with random calls; for tests and script/fuzz."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import programs

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
CORPUS = FOLDER / "corpus"
TARGETS = ["receive", "descriptors", "send", "values"]
#: Ways to run the interpreter, and what each sanitizer is told.
SANITIZERS = {"calls": programs.ADDRESS, "races": programs.THREAD}
OPTIONS = {
    # Python leaks on purpose. Memory that there is not is an error to handle, as it always is.
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=2000"
    ":handle_abort=1:detect_stack_use_after_return=0",
    "TSAN_OPTIONS": "allocator_may_return_null=1:max_allocation_size_mb=2000:halt_on_error=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "PYTHONMALLOC": "malloc",  # so that the sanitizer sees Python's objects
}


def why_not() -> str | None:
    """Return what is missing to build the targets."""
    if programs.find_clang() is None:
        return "there is no clang++ of version 16 or later (Debian: clang-19, libclang-rt-19-dev)"
    return None


def run(command: Iterable[str | Path], show: bool = False) -> tuple[int, str]:
    """Run a program with the sanitizers' options; return its exit status and what it said."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=None if show else subprocess.PIPE,
        stderr=None if show else subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**OPTIONS, **os.environ},
    )
    return done.returncode, done.stdout or ""


def fuzz(
    target: str, runs: int, seconds: int, seed: int, show: bool = False, keep: bool = False
) -> tuple[int, str]:
    """Run a target with inputs that grow from its corpus.

    Parameters
    ----------
    runs, seconds
        It ends with what comes first; 0: no limit.
    keep
        Go on with what was found by earlier runs that kept it, in build/fuzz-corpus.
    """
    program = programs.build_sanitized(f"{target}_fuzz")
    found = ROOT / "build" / "fuzz-corpus" / (target if keep else f"{target}-passing")
    if not keep:
        shutil.rmtree(found, ignore_errors=True)
    found.mkdir(parents=True, exist_ok=True)
    options = [f"-runs={runs or -1}", f"-max_total_time={seconds}", f"-seed={seed}"]
    options += [
        "-detect_leaks=0",
        "-timeout=30",
        "-max_len=4096",
        "-print_final_stats=1",
        "-print_funcs=0",
    ]
    options += [f"-artifact_prefix={ROOT / 'build'}/fuzz-{target}-", "-reload=0"]
    return run([program, *options, found, CORPUS / target], show)


def minimise(target: str) -> tuple[int, str]:
    """Take what earlier runs found into the corpus, as little as reaches the same."""
    program = programs.build_sanitized(f"{target}_fuzz")
    found = ROOT / "build" / "fuzz-corpus" / target
    fresh = ROOT / "build" / "fuzz-corpus" / f"{target}-minimised"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    options = ["-merge=1", "-detect_leaks=0", "-max_len=1024"]
    status, output = run([program, *options, fresh, CORPUS / target, found])
    if status == 0:
        shutil.rmtree(CORPUS / target)
        shutil.copytree(fresh, CORPUS / target)
    return status, output


def call(kind: str, threads: int, seconds: float, calls: int, seed: int) -> tuple[int, str]:
    """Run random_calls.py with the interpreter that has a sanitizer; see `SANITIZERS`."""
    program = programs.build_sanitized("interpreter", SANITIZERS[kind])
    options = [f"--threads={threads}", f"--seconds={seconds}", f"--calls={calls}", f"--seed={seed}"]
    return run([program, FOLDER / "random_calls.py", *options])
