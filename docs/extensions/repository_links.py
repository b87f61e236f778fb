# SPDX-License-Identifier: Apache-2.0
"""Lets pages of the repository be pages of the manual: a link out of docs/ becomes the bare name.

README and CHANGELOG are read where they are; their links into docs/ are led to the manual's pages.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")


def adapt(app: Sphinx, name: str, source: list[str]) -> None:
    """Rewrite the links of one page."""
    folder = (Path(app.srcdir) / name).parent

    def replace(match: re.Match[str]) -> str:
        text, target, anchor = match[1], match[2], match[3] or ""
        if (folder / target).is_file() and (folder / target).resolve().is_relative_to(app.srcdir):
            return match[0]
        place = (folder / target).resolve()
        if not place.exists():
            raise ValueError(f"{name}: [{text}]({target}{anchor}) leads nowhere")
        return f"`{place.relative_to(ROOT)}`" if text else match[0]

    source[0] = _LINK.sub(replace, source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", adapt)
    return {"parallel_read_safe": True}
