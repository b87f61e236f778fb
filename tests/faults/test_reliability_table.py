# SPDX-License-Identifier: Apache-2.0
"""docs/reliability.md stands beside tests that there are."""

from __future__ import annotations

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_every_promise_has_its_test() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    promises = [row for row in rows if not row.startswith(("| fault", "| ---"))]
    assert len(promises) > 20
    for row in promises:
        name = re.search(r"`(tests/[\w/]+\.py)::(\w+)` \|$", row)
        if name is None:
            assert row.endswith("| the same test |"), row
            continue
        source = (ROOT / name[1]).read_text()
        assert re.search(rf"^(async )?def {name[2]}\(", source, re.MULTILINE), row
