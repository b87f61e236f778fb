# SPDX-License-Identifier: Apache-2.0
"""Builds and runs stream_stress.cc under the sanitizers. What it does is said there."""

from __future__ import annotations

import programs
import pytest

# Compiling with a sanitizer can take long on a slow machine.
pytestmark = [pytest.mark.cxx, pytest.mark.timeout(900)]


@pytest.mark.parametrize("sanitizers", [programs.THREAD, programs.ADDRESS])
def test_send_floor_holds_under_stress(sanitizers: str) -> None:
    programs.check_sanitized("stream_stress", sanitizers)
