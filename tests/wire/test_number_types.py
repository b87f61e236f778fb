# SPDX-License-Identifier: Apache-2.0
"""Builds and runs number_types.cc under the sanitizers. What it does is said there."""

from __future__ import annotations

import pathlib

import pytest
from programs import check_program, sanitized

PROGRAM = pathlib.Path(__file__).with_name("number_types.cc")

# Compiling with a sanitizer can take long on a slow machine.
pytestmark = [pytest.mark.cxx, pytest.mark.timeout(600)]


def test_numbers_come_back_or_are_refused_or_wrap(tmp_path: pathlib.Path) -> None:
    arguments = sanitized("address,undefined", "lib/wire/number.cc")
    check_program(PROGRAM, tmp_path, arguments)
