# SPDX-License-Identifier: Apache-2.0
"""Two modules have the name spead2; docs and examples import them in one way (docs/gnuradio.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("docs", "apps", "benchmarks", "packaging", "python/gnuradio")
#: Of the blocks' module, in the form `from gnuradio import ...` or any other.
IMPORTS = re.compile(
    r"^\s*(?:>>> )?(from gnuradio import .*\bspead2\b.*|from gnuradio\.spead2 .*|"
    r"import gnuradio\.spead2.*)$",
    re.MULTILINE,
)
#: Of the package by a name that is not its own, or that hides the blocks.
RENAMED = re.compile(r"^\s*(?:>>> )?import spead2 as .*$", re.MULTILINE)
IDIOM = "from gnuradio import spead2 as gr_spead2"


def breaches(text: str) -> list[str]:
    """Return the lines that import otherwise."""
    found = [line for line in IMPORTS.findall(text) if line.strip() != IDIOM]
    return found + RENAMED.findall(text)


def sources() -> Iterator[Path]:
    yield from ROOT.glob("*.md")
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            made = "build" in path.parts or path.is_relative_to(ROOT / "docs" / "blocks")
            if path.suffix in (".md", ".py") and not made:
                yield path


@pytest.mark.parametrize(
    "line",
    [
        "from gnuradio import spead2",
        "    from gnuradio import blocks, spead2",
        "from gnuradio import spead2 as sinks",
        "import gnuradio.spead2",
        "from gnuradio.spead2 import heap_sink",
        ">>> from gnuradio import spead2",
        "import spead2 as sp",
    ],
)
def test_other_forms_are_found(line: str) -> None:
    assert breaches(f"import numpy\n{line}\n")


def test_docs_and_examples_import_in_one_way() -> None:
    texts = {path: path.read_text() for path in sources()}
    assert sum(IDIOM in text for text in texts.values()) >= 5, "or the idiom has changed"
    assert {str(p.relative_to(ROOT)): b for p, t in texts.items() if (b := breaches(t))} == {}
