# SPDX-License-Identifier: Apache-2.0
"""Builds and runs decoding.cc under the sanitizers. What it does is said there."""

from __future__ import annotations

import pathlib

import pytest
from programs import check_program, sanitized

PROGRAM = pathlib.Path(__file__).with_name("decoding.cc")

pytestmark = [pytest.mark.cxx, pytest.mark.timeout(900)]


def test_packets_and_descriptors_are_read(tmp_path: pathlib.Path) -> None:
    arguments = sanitized("address,undefined", "lib/base/*.cc", "lib/wire/*.cc")
    check_program(PROGRAM, tmp_path, arguments)
