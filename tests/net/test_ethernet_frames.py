# SPDX-License-Identifier: Apache-2.0
"""Builds and runs ethernet_frames.cc under the sanitizers. What it does is said there."""

from __future__ import annotations

import programs
import pytest

# Compiling with a sanitizer can take long on a slow machine.
pytestmark = [pytest.mark.cxx, pytest.mark.timeout(900)]


def test_udp_is_found_in_frames_and_nothing_else_is() -> None:
    programs.check_sanitized("ethernet_frames")
