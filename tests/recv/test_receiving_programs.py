# SPDX-License-Identifier: Apache-2.0
"""Builds and runs the C++ programs of this folder under the sanitizers. What each does it says."""

from __future__ import annotations

import programs
import pytest

# Compiling with a sanitizer can take long on a slow machine.
pytestmark = [pytest.mark.cxx, pytest.mark.timeout(900)]


@pytest.mark.parametrize("sanitizers", [programs.THREAD, programs.ADDRESS])
@pytest.mark.parametrize(
    "program",
    ["worked_examples", "stream_life", "socket_readers", "chunk_streams", "chunk_groups"],
)
def test_program_holds_under_sanitizers(program: str, sanitizers: str) -> None:
    programs.check_sanitized(program, sanitizers)


def test_a_socket_is_looked_at_again_in_time() -> None:
    programs.check_sanitized("arrivals")


def test_heaps_that_meet_are_found() -> None:
    programs.check_sanitized("heaps_that_meet")
