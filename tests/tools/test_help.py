# SPDX-License-Identifier: Apache-2.0
"""Help, man pages and completion of the commands name the same commands and options."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from commands import OURS, run

import spead2
from spead2.tools import cli


def test_help_lists_all_commands_and_the_version_is_the_package_s() -> None:
    text = run("spead2", "--help").stdout
    for name in cli.COMMANDS:
        assert re.search(rf"(?m)^  {name} ", text)
    assert spead2.__version__ in run("spead2", "--version").stdout
    assert "No such command" in run("spead2", "nothing", code=2).stderr


def test_man_pages_have_every_option_and_are_well_formed(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "spead2.tools.man", str(tmp_path)], check=True)
    names = ["spead2", *(f"spead2-{name}" for name in cli.COMMANDS)]
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(names)
    group = cli.spead2
    context = click.Context(group, info_name="spead2")
    for name in cli.COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        text = (tmp_path / f"spead2-{name}.1").read_text().replace("\\-", "-")
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.opts[0] in text
    groff = shutil.which("groff")
    if groff is not None:
        for path in tmp_path.iterdir():
            done = subprocess.run(
                [groff, "-man", "-ww", "-z", str(path)], capture_output=True, text=True, check=True
            )
            assert done.stderr == ""


def test_shells_complete_commands_and_options() -> None:
    for words, wanted in (("spead2 s", "send"), ("spead2 send --pat", "--pattern")):
        count = len(words.split()) - 1
        environment = dict(
            os.environ, _SPEAD2_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(count)
        )
        done = subprocess.run(
            [OURS / "spead2"], capture_output=True, text=True, env=environment, check=False
        )
        assert f"plain,{wanted}" in done.stdout


def test_without_click_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise ImportError('no click')\n")
    environment = dict(os.environ, PYTHONPATH=str(tmp_path))
    done = run("spead2", "doctor", code=1, env=environment)
    assert "pip install 'gr-spead2[tools]'" in done.stderr


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(name: str) -> None:
    assert "Usage: spead2" in run("spead2", name, "--help").stdout
