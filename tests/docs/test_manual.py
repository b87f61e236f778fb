# SPDX-License-Identifier: Apache-2.0
"""The manual is built without a warning, its links hold, and its tutorials run as they stand."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_listings_of_a_tutorial_run_in_their_order(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    listings = re.findall(r"(?ms)^```python\n(.*?)^```$", text)
    assert listings
    # Line numbers of errors are those of the page.
    lines = [""] * len(text.splitlines())
    for match in re.finditer(r"(?ms)^```python\n(.*?)^```$", text):
        start = text[: match.start(1)].count("\n")
        for offset, line in enumerate(match[1].splitlines()):
            lines[start + offset] = line
    program = tmp_path / f"{page.stem}.py"
    program.write_text("\n".join(lines), encoding="utf-8")
    command = [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_manual_is_built_and_its_links_hold() -> None:
    if shutil.which("doxygen") is None:
        pytest.skip("there is no Doxygen")
    done = subprocess.run(
        [sys.executable, str(ROOT / "script" / "manual")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    html = ROOT / "build" / "manual" / "html"
    names = {path.stem.removesuffix(".block") for path in (ROOT / "grc").glob("*.block.yml")}
    assert names <= {path.stem for path in (html / "blocks").glob("*.html")}
    pages = [path.read_text(encoding="utf-8") for path in (html / "blocks").glob("*.html")]
    assert not any("${" in page for page in pages)  # what only Companion can read
    assert "spead2.send.UdpStream" in (html / "reference" / "python.html").read_text()
    assert "udp_transport" in (html / "reference" / "cxx.html").read_text()
