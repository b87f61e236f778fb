# SPDX-License-Identifier: Apache-2.0
"""Tests that are C++ programs: compile them and see that they say all held."""

from __future__ import annotations

import os
import pathlib
import subprocess
from collections.abc import Sequence

ROOT = pathlib.Path(__file__).resolve().parents[1]


def check_program(
    source: pathlib.Path, folder: pathlib.Path, arguments: Sequence[str], timeout: float = 300
) -> None:
    """Compile a program in `folder` and run it.

    Parameters
    ----------
    arguments
        Further ones for the compiler.
    timeout
        Seconds that the program may take.
    """
    program = folder / source.stem
    command = [os.environ.get("CXX", "g++"), "-std=c++20", f"-I{ROOT / 'include'}"]
    command += [f"-I{ROOT / 'lib'}", str(source)]  # some look at private parts
    subprocess.run([*command, *arguments, "-o", str(program), "-pthread"], check=True)
    result = subprocess.run([program], capture_output=True, text=True, timeout=timeout)
    assert (result.returncode, result.stdout, result.stderr) == (0, "all held\n", "")


def sanitized(sanitizer: str, *patterns: str) -> list[str]:
    """Return the arguments that compile sources of the project, too, with a sanitizer."""
    sources = [str(path) for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return ["-g", "-O1", f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all", *sources]
