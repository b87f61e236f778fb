# SPDX-License-Identifier: Apache-2.0
"""Builds and runs number_types.cc under the sanitizers. What it does is said there."""

from __future__ import annotations

import programs
import pytest

# Compiling with a sanitizer can take long on a slow machine.
pytestmark = [pytest.mark.cxx, pytest.mark.timeout(900)]


def test_numbers_come_back_or_are_refused_or_wrap() -> None:
    programs.check_sanitized("number_types")
