# SPDX-License-Identifier: Apache-2.0
"""Builds and runs packets_of_items.cc under the sanitizers. What it does is said there."""

from __future__ import annotations

import programs
import pytest

# Compiling with a sanitizer can take long on a slow machine.
pytestmark = [pytest.mark.cxx, pytest.mark.timeout(900)]


def test_packets_take_their_room_and_no_more() -> None:
    programs.check_sanitized("packets_of_items")
