# SPDX-License-Identifier: Apache-2.0
"""Write the dist-info of what CMake installs; pip makes its own for wheels.

Usage: dist_info.py SOURCE VERSION FOLDER PROGRAMS. There is no RECORD, so pip lists it
but leaves the removal of its files to who installed them. PROGRAMS gets the commands.
"""

from __future__ import annotations

import importlib
import shutil
import sys
from email.message import Message
from pathlib import Path
from typing import Any


def load_project(path: Path) -> dict[str, Any]:
    """Return the table [project] of a pyproject.toml."""
    for name in ("tomllib", "tomli", "pip._vendor.tomli", "setuptools._vendor.tomli"):
        try:
            parser = importlib.import_module(name)
        except ImportError:
            continue
        project: dict[str, Any] = parser.loads(path.read_text(encoding="utf-8"))["project"]
        return project
    raise SystemExit("dist_info: neither this Python nor its pip can read TOML")


def metadata(project: dict[str, Any], version: str, licences: list[str], readme: str) -> str:
    """Return the text of the file METADATA."""
    message = Message()
    message["Metadata-Version"] = "2.4"
    message["Name"] = project["name"]
    message["Version"] = version
    message["Summary"] = project["description"]
    message["Keywords"] = ",".join(project["keywords"])
    message["License-Expression"] = project["license"]
    for name in licences:
        message["License-File"] = name
    for value in project["classifiers"]:
        message["Classifier"] = value
    for label, address in project.get("urls", {}).items():
        message["Project-URL"] = f"{label}, {address}"
    message["Requires-Python"] = project["requires-python"]
    for requirement in project["dependencies"]:
        message["Requires-Dist"] = requirement
    for extra, requirements in project["optional-dependencies"].items():
        message["Provides-Extra"] = extra
        for requirement in requirements:
            name, semicolon, marker = requirement.partition(";")
            condition = f"({marker.strip()}) and " if semicolon else ""
            message["Requires-Dist"] = f'{name.strip()}; {condition}extra == "{extra}"'
    message["Description-Content-Type"] = "text/markdown"
    lines = [f"{key}: {value}" for key, value in message.items()]
    return "\n".join(lines) + "\n\n" + readme


def main() -> None:
    """Write the folder anew."""
    source, version, folder = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    project = load_project(source / "pyproject.toml")
    shutil.rmtree(folder, ignore_errors=True)
    licences = sorted(
        path.relative_to(source).as_posix()
        for pattern in project["license-files"]
        for path in source.glob(pattern)
    )
    for name in licences:
        target = folder / "licenses" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target)
    readme = (source / project["readme"]).read_text(encoding="utf-8")
    text = metadata(project, version, licences, readme)
    (folder / "METADATA").write_text(text, encoding="utf-8")
    (folder / "INSTALLER").write_text("cmake\n")
    scripts = "".join(f"{name} = {place}\n" for name, place in project["scripts"].items())
    (folder / "entry_points.txt").write_text(f"[console_scripts]\n{scripts}")
    programs = Path(sys.argv[4])
    shutil.rmtree(programs, ignore_errors=True)
    programs.mkdir(parents=True)
    for name, place in project["scripts"].items():
        module, _, function = place.partition(":")
        text = f"#!{sys.executable}\nimport sys\n\nfrom {module} import {function}\n\n"
        (programs / name).write_text(f"{text}sys.exit({function}())\n")


if __name__ == "__main__":
    main()
