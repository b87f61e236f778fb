# SPDX-License-Identifier: Apache-2.0
"""How Sphinx makes the manual; script/manual runs it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS / "extensions"))

project = "gr-spead2"
author = "The gr-spead2 authors"
copyright = author
_found = re.search(r"(?m)^    VERSION (\S+)$", (DOCS.parent / "CMakeLists.txt").read_text())
assert _found
version = release = _found[1]

extensions = [
    "blocks",
    "breathe",
    "command_help",
    "myst_parser",
    "repository_links",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["extensions"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say what the types mean
autodoc_default_options = {"members": True, "undoc-members": False, "show-inheritance": True}
# Docstrings write "Heap" in both wings, and mean that of their own.
suppress_warnings = ["ref.python"]
napoleon_google_docstring = False
napoleon_use_rtype = False

breathe_default_project = "spead2"
breathe_default_members = ("members",)

html_theme = "furo"
html_title = f"gr-spead2 {release}"
html_static_path = ["static"]
html_css_files = ["manual.css"]
html_copy_source = False
# Nothing is fetched from elsewhere when a page is read.
