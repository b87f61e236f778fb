# SPDX-License-Identifier: Apache-2.0
"""Tests that are C++ programs: compile them and see that they say all held."""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import shutil
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
        Further ones for the compiler. Sources among them are compiled side by side, and with
        ccache, where there is one, only once for all programs that need them.
    timeout
        Seconds that the program may take.
    """
    program = folder / source.stem
    sources = [str(source), *(name for name in arguments if name.endswith(".cc"))]
    options = [name for name in arguments if not name.endswith(".cc")]
    compiler = [os.environ.get("CXX", "g++"), "-std=c++20", "-pthread"]
    compiler += [f"-I{ROOT / room}" for room in ("include", "lib")]  # some look at private parts
    flags = [name for name in options if name.startswith("-") and not name.startswith("-Wl,")]
    launcher = [ccache] if (ccache := shutil.which("ccache")) else []
    environment = {**os.environ, "CCACHE_BASEDIR": str(ROOT), "CCACHE_NOHASHDIR": "1"}

    def compile_one(numbered: tuple[int, str]) -> str:
        number, name = numbered
        result = str(folder / f"{source.stem}-{number}.o")
        command = [*launcher, *compiler, *flags, "-c", name, "-o", result]
        subprocess.run(command, check=True, env=environment, cwd=ROOT)
        return result

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, enumerate(sources)))
    subprocess.run([*compiler, *objects, *options, "-o", str(program)], check=True)
    result = subprocess.run([program], capture_output=True, text=True, timeout=timeout)
    assert (result.returncode, result.stdout, result.stderr) == (0, "all held\n", "")


def sanitized(sanitizer: str, *patterns: str) -> list[str]:
    """Return the arguments that compile sources of the project, too, with a sanitizer."""
    sources = [str(path) for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return ["-g", "-O1", f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all", *sources]
