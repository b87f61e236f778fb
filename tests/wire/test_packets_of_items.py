# SPDX-License-Identifier: Apache-2.0
"""Builds and runs packets_of_items.cc under the sanitizers. What it does is said there."""

from __future__ import annotations

import pathlib

import pytest
from programs import check_program, sanitized

PROGRAM = pathlib.Path(__file__).with_name("packets_of_items.cc")

# Compiling with a sanitizer can take long on a slow machine.
pytestmark = [pytest.mark.cxx, pytest.mark.timeout(600)]


def test_packets_take_their_room_and_no_more(tmp_path: pathlib.Path) -> None:
    arguments = sanitized(
        "address,undefined",
        "lib/base/*.cc",
        "lib/wire/*.cc",
        "lib/send/heap.cc",
        "lib/send/packets/*.cc",
    )
    check_program(PROGRAM, tmp_path, arguments)
