# SPDX-License-Identifier: Apache-2.0
"""A transport or reader is a file pair and a row: everything above comes from the tables."""

from __future__ import annotations

import pathlib
import re
from types import ModuleType
from typing import Any

import pytest

import spead2
import spead2.recv
import spead2.send
import spead2.send.asyncio
from spead2 import _spead2

ROOT = pathlib.Path(__file__).resolve().parents[2]
#: Where transports are, and faces that could name them.
SOURCES = ["include", "lib", "python", "grc", "script"]
#: Stubs and definitions are written by scripts.
WRITTEN = (".pyi", ".block.yml", ".pyc")


def files_naming(*words: str) -> set[str]:
    """Return the files of the source that name one of these."""
    named = re.compile(rf"\b({'|'.join(words)})\b")
    paths = [path for folder in SOURCES for path in (ROOT / folder).rglob("*") if path.is_file()]
    return {
        str(path.relative_to(ROOT))
        for path in paths
        if not path.name.endswith(WRITTEN) and named.search(path.read_text(errors="replace"))
    }


@pytest.mark.parametrize(
    ("package", "base", "module"),
    [
        (spead2.send, spead2.send.SyncStream, _spead2.streams),
        (spead2.send.asyncio, spead2.send.asyncio.AsyncStream, _spead2.asyncio_streams),
    ],
)
def test_every_stream_is_a_row(package: ModuleType, base: type, module: ModuleType) -> None:
    streams = {
        name
        for name, kind in vars(package).items()
        if isinstance(kind, type) and issubclass(kind, base) and kind is not base
    }
    rows = {row.stream for row in _spead2.TRANSPORTS.values()}
    # Memory has no stream for asyncio: it never waits.
    assert streams == rows - ({"BytesStream"} if package is spead2.send.asyncio else set())
    assert streams <= {*package.__all__}
    for name in streams:
        kind = getattr(package, name)
        assert issubclass(kind, getattr(module, name))
        assert (kind.__module__, kind.__name__, kind.__qualname__) == (package.__name__, name, name)


def test_every_reader_is_a_row() -> None:
    methods = {name for name in dir(spead2.recv.Stream) if re.fullmatch(r"add_\w+_reader", name)}
    assert methods == {row.method for row in _spead2.recv.READERS.values()}


@pytest.mark.parametrize(
    ("table", "pair", "words"),
    [
        (
            "include/spead2/send/transports/table.h",
            ["include/spead2/send/transports/pcap.h", "lib/send/transports/pcap.cc"],
            ["pcap_transport", "pcap_options", "PcapStream"],
        ),
        (
            "include/spead2/recv/readers/table.h",
            [
                "include/spead2/recv/readers/pcap.h",
                "lib/recv/readers/pcap.cc",
                # GNU Radio's sources name what they receive from.
                "include/gnuradio/spead2/receivers.h",
                "lib/gnuradio/source/receivers.cc",
            ],
            ["pcap_reader", "pcap_reader_options"],
        ),
    ],
)
def test_a_file_pair_and_a_row_are_all(table: str, pair: list[str], words: list[str]) -> None:
    """Of those without forms of their own, which the reference prescribes for the others."""
    assert files_naming(*words) == {table, *pair}


@pytest.mark.parametrize("row", [*_spead2.TRANSPORTS.values()], ids=[*_spead2.TRANSPORTS])
def test_docstrings_say_what_the_row_says(row: Any) -> None:
    doc = getattr(spead2.send, row.stream).__doc__
    assert doc.startswith(row.text)
    configuration = getattr(spead2.send, row.stream.replace("Stream", "Config"), None)
    text = " ".join(f"{doc} {configuration.__doc__}".split())
    for name, *_ in row.arguments:
        assert f"{name} :" in text or f"`{name}`" in text
