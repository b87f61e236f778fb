# SPDX-License-Identifier: Apache-2.0
"""Writes a page for each GNU Radio block, from what its definition tells Companion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from sphinx.application import Sphinx

GRC = Path(__file__).resolve().parents[2] / "grc"


def ports_of(definition: dict[str, Any], kind: str) -> list[str]:
    """Return a line for the ports of samples, and one for each of messages."""
    ports = definition.get(kind, [])
    messages = [port for port in ports if port.get("domain") == "message"]
    lines = []
    if samples := len(ports) - len(messages):
        most = f"1 to {samples} {kind}" if samples > 1 else f"an {kind[:-1]}"
        lines.append(f"- {most} of samples, as the parameters say")
    for port in messages:
        several = ", as many as the parameters say" if "multiplicity" in port else ""
        lines.append(f"- {kind[:-1]} `{port['id']}`, of messages{several}")
    return lines


def text_of(definition: dict[str, Any]) -> str:
    """Return the page of a block, as Markdown."""
    lines = [f"# {definition['label']}", "", f"Block `{definition['id']}`.", ""]
    lines += [*ports_of(definition, "inputs"), *ports_of(definition, "outputs")]
    lines += ["", "## What it does", "", "```text", definition.get("documentation", "").strip()]
    lines += ["```", "", "## Parameters", "", "| parameter | ID | default | choices |"]
    lines.append("| --- | --- | --- | --- |")
    for parameter in definition.get("parameters", []):
        choices = ", ".join(map(str, parameter.get("option_labels", [])))
        default = str(parameter.get("default", "")).replace("|", "\\|")
        shown = f"`{default}`" if default else ""
        lines.append(f"| {parameter['label']} | `{parameter['id']}` | {shown} | {choices} |")
    function = definition["id"].removeprefix("spead2_")
    if "make" in definition.get("templates", {}):
        lines += ["", "In Python it is made by `gr_spead2." + function + "`: see"]
        lines += ["[GNU Radio](../gnuradio.md), and `help(gr_spead2." + function + ")`."]
    return "\n".join(lines) + "\n"


def write_pages(app: Sphinx) -> None:
    """Write the pages and their list, unless they are there already."""
    folder = Path(app.srcdir) / "blocks"
    folder.mkdir(exist_ok=True)
    names = []
    for path in folder.glob("*.md"):
        if path.stem != "index" and not (GRC / f"{path.stem}.block.yml").exists():
            path.unlink()  # of a block that is no more
    for path in sorted(GRC.glob("*.block.yml")):
        definition = yaml.safe_load(path.read_text(encoding="utf-8"))
        names.append(definition["id"])
        write(folder / f"{definition['id']}.md", text_of(definition))
    index = ["# GNU Radio blocks", "", "What they have in common is in [](../gnuradio.md).", ""]
    index += ["```{toctree}", ":maxdepth: 1", *names, "```", ""]
    write(folder / "index.md", "\n".join(index))


def write(path: Path, text: str) -> None:
    """Write a file, and leave one alone that has the text, so that it is not read again."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True}
