# SPDX-License-Identifier: Apache-2.0
"""Builds and runs the C++ programs of this folder under the sanitizers. What each does it says."""

from __future__ import annotations

import pathlib

import pytest
from programs import check_program, sanitized

FOLDER = pathlib.Path(__file__).parent
SOURCES = (
    *(f"lib/{room}/*.cc" for room in ("base", "wire", "runtime", "net")),
    "lib/recv/**/*.cc",
)

# Compiling with a sanitizer can take long on a slow machine.
pytestmark = [pytest.mark.cxx, pytest.mark.timeout(900)]


@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
@pytest.mark.parametrize(
    "program",
    ["worked_examples", "stream_life", "socket_readers", "chunk_streams", "chunk_groups"],
)
def test_program_holds_under_sanitizers(
    program: str, sanitizer: str, tmp_path: pathlib.Path
) -> None:
    arguments = sanitized(sanitizer, *SOURCES)
    check_program(FOLDER / f"{program}.cc", tmp_path, [*arguments, "-ldl"])


def test_a_socket_is_looked_at_again_in_time(tmp_path: pathlib.Path) -> None:
    check_program(FOLDER / "arrivals.cc", tmp_path, sanitized("address,undefined"))
