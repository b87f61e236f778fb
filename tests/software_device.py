# SPDX-License-Identifier: Apache-2.0
"""Builds the software verbs device, on which whatever uses ibverbs runs without hardware."""

from __future__ import annotations

import functools
import os
import pathlib
import shutil
import subprocess
from typing import NoReturn

import programs
import pytest

HERE = pathlib.Path(__file__).resolve().parent


def unavailable(reason: str) -> NoReturn:
    """Skip, but never where nobody would notice that nothing was tested."""
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        pytest.fail(f"needed in CI: {reason}")
    pytest.skip(reason)


@functools.cache
def build_software_device() -> pathlib.Path:
    """Return the directory with its libraries: what LD_LIBRARY_PATH of a program is to be."""
    if shutil.which("cmake") is None:
        unavailable("cmake is missing, which builds the software verbs device")
    build = HERE.parent / "build" / "softverbs"
    configure = ["cmake", "-S", str(HERE / "ibverbs" / "softverbs"), "-B", str(build)]
    if shutil.which("ccache") is not None:
        configure.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
    with programs.alone_in(build):
        for command in (configure, ["cmake", "--build", str(build), "--parallel", "2"]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                unavailable(f"the software verbs device does not build: {done.stdout}{done.stderr}")
    return build
