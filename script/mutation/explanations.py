# SPDX-License-Identifier: Apache-2.0
"""Why no test notices a change: what docs/mutations.md says, a line for each."""

from __future__ import annotations

import re
from pathlib import Path

from .changes import Change

_LINE = re.compile(r"(?m)^- (`[^`]+`: `[^`]+` (?:becomes `[^`]+`|left out)): ([^\n]+)$")


def heading(change: Change) -> str:
    """Return what the line of a change begins with."""
    before, after = change.before.strip(), change.after.strip()
    what = "left out" if after.startswith(";  // ") else f"becomes `{after}`"
    return f"`{change.path}`: `{before}` {what}"


def explanations(page: Path) -> dict[str, str]:
    """Return the reasons that a page has, by headings.

    Raises
    ------
    ValueError
        A change is explained twice.
    """
    found = _LINE.findall(page.read_text(encoding="utf-8"))
    reasons = dict(found)
    if len(reasons) < len(found):
        twice = {name for name, _ in found if sum(name == other for other, _ in found) > 1}
        raise ValueError(f"{page} explains twice: {', '.join(sorted(twice))}")
    return reasons
