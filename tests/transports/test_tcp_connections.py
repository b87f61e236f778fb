# SPDX-License-Identifier: Apache-2.0
"""Builds and runs tcp_connections.cc under the sanitizers. What it does is said there."""

from __future__ import annotations

import pathlib

import pytest
from programs import check_program, sanitized

PROGRAM = pathlib.Path(__file__).with_name("tcp_connections.cc")

SOURCES = [f"lib/{room}/*.cc" for room in ("base", "wire", "runtime", "net")]
SOURCES += ["lib/send/*.cc", "lib/send/packets/*.cc", "lib/send/driver/*.cc"]
SOURCES += ["lib/send/transports/tcp.cc", "lib/send/transports/inproc.cc"]

pytestmark = [pytest.mark.cxx, pytest.mark.timeout(900)]


def test_lost_connections_and_short_memory(tmp_path: pathlib.Path) -> None:
    check_program(PROGRAM, tmp_path, sanitized("address,undefined", *SOURCES))
