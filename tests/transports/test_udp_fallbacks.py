# SPDX-License-Identifier: Apache-2.0
"""Builds and runs udp_fallbacks.cc under the sanitizers. What it does is said there."""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = [
    *sorted(ROOT.glob("lib/base/*.cc")),
    *sorted(ROOT.glob("lib/wire/*.cc")),
    *sorted(ROOT.glob("lib/send/*.cc")),
    *(ROOT / f"lib/transports/{name}.cc" for name in ("endpoint", "inproc", "socket", "udp")),
]

pytestmark = [pytest.mark.cxx, pytest.mark.timeout(900)]


def test_no_datagram_is_lost_whatever_the_kernel_refuses(tmp_path: pathlib.Path) -> None:
    program = tmp_path / "udp_fallbacks"
    subprocess.run(
        [
            os.environ.get("CXX", "g++"),
            "-std=c++20",
            "-g",
            "-O1",
            "-fsanitize=address,undefined",
            "-fno-sanitize-recover=all",
            f"-I{ROOT / 'include'}",
            str(pathlib.Path(__file__).with_name("udp_fallbacks.cc")),
            *map(str, SOURCES),
            "-o",
            str(program),
            "-pthread",
        ],
        check=True,
    )
    result = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout, result.stderr) == (0, "all held\n", "")
