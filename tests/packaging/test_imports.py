# SPDX-License-Identifier: Apache-2.0
"""Python modules import each other in no circle, at their head or within a function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from circles import no_circle_in

ROOT = Path(__file__).resolve().parents[2] / "python"


def name_of(path: Path) -> str:
    """Return the dotted name of a module, a package's own file being the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_in(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Return all that are carried out: not those for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)):
            yield from imports_in(node)


def imported(path: Path, modules: set[str]) -> set[str]:
    """Return which of the modules a module names in its imports."""
    name = name_of(path)
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in imports_in(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
            continue
        source = node.module or ""
        if node.level:
            above = package.split(".")[: len(package.split(".")) - (node.level - 1)]
            source = ".".join([*above, source] if source else above)
        for alias in node.names:
            # A name of a package is a module, or the package has it.
            module = f"{source}.{alias.name}"
            found.add(module if module in modules else source)
    return found & modules - {name}


def test_modules_import_each_other_in_no_circle() -> None:
    """Both packages together; what is compiled has a stub, and imports none of them at its head."""
    files = [p for folder in ("spead2", "gnuradio") for p in (ROOT / folder).rglob("*.py*")]
    modules = {name_of(path) for path in files}
    uses = {name_of(path): imported(path, modules) for path in files if path.suffix == ".py"}
    assert len(uses) > 50
    assert "spead2._encoding" in uses["spead2._items"]
    assert "spead2" in uses["gnuradio.spead2._items"]
    no_circle_in(uses, "imports")
