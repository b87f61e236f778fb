# SPDX-License-Identifier: Apache-2.0
"""Writes the page of the commands from their help, which the man pages are made from, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from blocks import write
from sphinx.application import Sphinx

from spead2.tools import cli


def write_page(app: Sphinx) -> None:
    """Write commands.md."""
    group = cli.spead2
    context = click.Context(group, info_name="spead2", terminal_width=88, max_content_width=88)
    lines = ["# Commands", "", "```text", group.get_help(context), "```", ""]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, parent=context, info_name=name, terminal_width=88)
        lines += [f"## spead2 {name}", "", "```text", command.get_help(inner), "```", ""]
    write(Path(app.srcdir) / "commands.md", "\n".join(lines))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_page)
    return {"parallel_read_safe": True}
