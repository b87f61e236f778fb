# SPDX-License-Identifier: GPL-3.0-or-later
"""What help, signatures and stubs say of the blocks is what C++ defines."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import Any

import pytest
from gnuradio import spead2 as sinks
from gnuradio_fixtures import ROOT


@pytest.mark.parametrize("script", ["block-stubs", "block-definitions"])
def test_what_is_written_is_what_the_module_says(script: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "script" / script), "--check"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "name",
    [
        *("heap_sink", "pdu_heap_sink", "udp_heap_sink", "tcp", "ibv"),
        *("heap_source", "pdu_heap_source", "udp_heap_source", "udp_receiver", "tcp_receiver"),
    ],
)
def test_signatures_and_documentation_have_every_option(name: str) -> None:
    function: Any = getattr(sinks, name)
    signature = inspect.signature(function)
    assert all(p.kind is not p.VAR_KEYWORD for p in signature.parameters.values())
    documentation = inspect.getdoc(function) or ""
    assert "OPTIONS" not in documentation
    for option, p in signature.parameters.items():
        if p.kind is p.KEYWORD_ONLY:
            assert f"\n{option}\n    " in documentation


def test_unknown_options_are_named() -> None:
    for make in (sinks.udp_heap_sink, sinks.tcp_heap_sink, sinks.udp_pdu_heap_sink):
        with pytest.raises(TypeError, match=r"_heap_sink\(\) got an unexpected .* 'colour'"):
            make(("127.0.0.1", 9), (0x1000, "x", "", "f4"), colour="red")
    with pytest.raises(TypeError, match=r"tcp\(\) got an unexpected keyword argument 'ttl'"):
        sinks.tcp(("127.0.0.1", 9), ttl=3)


def test_classes_say_what_they_are_and_how_they_are_made() -> None:
    for block in (sinks.HeapSink, sinks.PduHeapSink, sinks.HeapSource, sinks.PduHeapSource):
        maker = "_".join(re.findall("[A-Z][a-z]+", block.__name__)).lower()
        assert f"{maker}() makes it" in (inspect.getdoc(block) or "")
        public = [name for name in vars(block) if not name.startswith("_")]
        assert all(inspect.getdoc(getattr(block, name)) for name in public)
