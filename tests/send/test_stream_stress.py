# SPDX-License-Identifier: Apache-2.0
"""Builds and runs stream_stress.cc under the sanitizers. What it does is said there."""

from __future__ import annotations

import pathlib

import pytest
from programs import check_program, sanitized

PROGRAM = pathlib.Path(__file__).with_name("stream_stress.cc")

# Compiling twice with a sanitizer can take long on a slow machine.
pytestmark = [pytest.mark.cxx, pytest.mark.timeout(900)]


@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_send_floor_holds_under_stress(sanitizer: str, tmp_path: pathlib.Path) -> None:
    arguments = sanitized(
        sanitizer,
        *(f"lib/{room}/*.cc" for room in ("base", "wire", "runtime", "net")),
        *(f"lib/send/{room}*.cc" for room in ("", "packets/", "driver/")),
        "lib/send/transports/inproc.cc",
    )
    check_program(PROGRAM, tmp_path, arguments)
