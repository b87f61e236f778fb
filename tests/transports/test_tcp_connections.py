# SPDX-License-Identifier: Apache-2.0
"""Builds and runs tcp_connections.cc under the sanitizers. What it does is said there."""

from __future__ import annotations

import programs
import pytest

# Compiling with a sanitizer can take long on a slow machine.
pytestmark = [pytest.mark.cxx, pytest.mark.timeout(900)]


def test_lost_connections_and_short_memory() -> None:
    programs.check_sanitized("tcp_connections")
