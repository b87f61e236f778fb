# SPDX-License-Identifier: Apache-2.0
"""Builds and runs ethernet_frames.cc under the sanitizers. What it does is said there."""

from __future__ import annotations

import pathlib

import pytest
from programs import check_program, sanitized

PROGRAM = pathlib.Path(__file__).with_name("ethernet_frames.cc")

pytestmark = pytest.mark.cxx


def test_udp_is_found_in_frames_and_nothing_else_is(tmp_path: pathlib.Path) -> None:
    check_program(PROGRAM, tmp_path, sanitized("address,undefined"))
