# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio Companion as script/companion starts it has all blocks that the flowgraphs need."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from gnuradio_fixtures import ROOT

pytest.importorskip("gnuradio.grc", reason="needs GNU Radio Companion's modules")

#: In Companion's place: loads what it is given, as Companion does, and says what it found.
COMPANION = """
import json, shutil, sys
from gnuradio import gr
from gnuradio.grc.core.platform import Platform

platform = Platform(
    version=gr.version(),
    version_parts=(gr.major_version(), gr.api_version(), gr.minor_version()),
    prefs=gr.prefs(),
)
platform.build_library()
found = {"python": [sys.executable, shutil.which("python3")]}
found["blocks"] = {
    key: "Example:" in block.documentation.get("", "")
    for key, block in platform.blocks.items()
    if "spead2" in key
}
found["terminal"] = gr.prefs().get_string("grc", "xterm_executable", "")
found["errors"] = {}
for path in sys.argv[1:]:
    graph = platform.make_flow_graph(path)
    graph.rewrite()
    graph.validate()
    found["errors"][path] = [str(error) for error in graph.iter_error_messages()]
print(json.dumps(found))
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree in which everything is set up, and a program that takes Companion's place."""
    (tmp_path / "script").mkdir()
    shutil.copy(ROOT / "script" / "companion", tmp_path / "script")
    for name, text in (
        ("script/setup", "#!/bin/sh\necho set up >&2\n"),
        ("gnuradio-companion", COMPANION),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    for name, target in (("grc", ROOT / "grc"), ("apps", ROOT / "apps"), (".venv", sys.prefix)):
        (tmp_path / name).symlink_to(target)
    return tmp_path


def test_companion_has_the_blocks(tree: Path) -> None:
    files = sorted(str(path) for path in (ROOT / "apps").glob("*.grc"))
    done = subprocess.run(
        [tree / "script" / "companion", *files],
        capture_output=True,
        text=True,
        env={"HOME": str(tree), "PATH": f"{tree}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.startswith("set up\n")
    found = json.loads(done.stdout.splitlines()[-1])
    keys = [p.name.partition(".")[0] for p in ROOT.glob("grc/*.block.yml")]
    keys += [p.name.partition(".")[0] for p in ROOT.glob("apps/blocks/*.block.yml")]
    assert found["blocks"] == dict.fromkeys(keys, True)  # each has help
    assert found["errors"] == {path: [] for path in files}
    if name := shutil.which("x-terminal-emulator"):
        assert found["terminal"] == name  # the file, which Companion looks for
    # That which Companion runs flowgraphs with is that which has the blocks.
    assert found["python"] == [str(tree / ".venv" / "bin" / name) for name in ("python", "python3")]
