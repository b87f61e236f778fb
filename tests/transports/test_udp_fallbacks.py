# SPDX-License-Identifier: Apache-2.0
"""Builds and runs udp_fallbacks.cc under the sanitizers. What it does is said there."""

from __future__ import annotations

import pathlib

import pytest
from programs import check_program, sanitized

PROGRAM = pathlib.Path(__file__).with_name("udp_fallbacks.cc")

SOURCES = [f"lib/{room}/*.cc" for room in ("base", "wire", "runtime", "net")]
SOURCES += ["lib/send/*.cc", "lib/send/packets/*.cc", "lib/send/driver/*.cc"]
SOURCES += [f"lib/send/transports/{name}.cc" for name in ("inproc", "udp", "udp/*")]

pytestmark = [pytest.mark.cxx, pytest.mark.timeout(900)]


def test_no_datagram_is_lost_whatever_the_kernel_refuses(tmp_path: pathlib.Path) -> None:
    check_program(PROGRAM, tmp_path, sanitized("address,undefined", *SOURCES))
