# SPDX-License-Identifier: Apache-2.0
"""Writes man pages from the commands' help: python -m spead2.tools.man FOLDER."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from . import cli


def escape(text: str) -> str:
    """Return text that roff takes as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"(?m)^([.'])", r"\\&\1", text)


def page(command: click.Command, context: click.Context, version: str) -> str:
    """Return the man page of a command."""
    path = context.command_path
    name = path.replace(" ", "-")
    lines = [f'.TH "{name.upper()}" "1" "" "gr-spead2 {version}" "User Commands"', ".SH NAME"]
    text = command.help or ""
    first = command.short_help or text.strip().split("\n")[0]
    lines.append(f"{escape(name)} \\- {escape(first.rstrip('.'))}")
    usage = " ".join(command.collect_usage_pieces(context))
    lines += [".SH SYNOPSIS", f"\\fB{escape(path)}\\fR {escape(usage)}", ".SH DESCRIPTION"]
    for paragraph in re.split(r"\n\s*\n", text):
        lines += [".PP", escape(" ".join(paragraph.split()))]
    lines.append(".SH OPTIONS")
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            lines += [".TP", f"\\fB{escape(record[0])}\\fR", escape(record[1])]
    if isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            lines += [".TP", f"\\fB{escape(path)} {escape(inner)}\\fR"]
            lines.append(escape(found.get_short_help_str(200)))
    return "\n".join(lines) + "\n"


def write(folder: Path, version: str) -> list[Path]:
    """Write all pages; return them."""
    folder.mkdir(parents=True, exist_ok=True)
    group = cli.spead2
    context = click.Context(group, info_name="spead2")
    pages = {"spead2": page(group, context, version)}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        pages[f"spead2-{name}"] = page(command, inner, version)
    for name, text in pages.items():
        (folder / f"{name}.1").write_text(text, encoding="utf-8")
    return [folder / f"{name}.1" for name in pages]


if __name__ == "__main__":
    import spead2

    for written in write(Path(sys.argv[1]), spead2.__version__):
        print(written)
