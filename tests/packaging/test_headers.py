# SPDX-License-Identifier: Apache-2.0
"""Headers: each public one compiles alone, and no room includes one that includes it again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from circles import no_circle_in

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = sorted(
    str(path.relative_to(ROOT / "include")) for path in (ROOT / "include" / "spead2").rglob("*.h")
)


@pytest.mark.cxx
@pytest.mark.parametrize("header", PUBLIC)
def test_public_header_compiles_alone(header: str) -> None:
    """With nothing but what is installed, twice, and with warnings as errors."""
    command = [os.environ.get("CXX", "g++"), "-std=c++20", "-Wall", "-Wextra", "-Werror"]
    command += ["-fsyntax-only", f"-I{sys.prefix}/include", "-x", "c++", "-"]
    source = f"#include <{header}>\n" * 2
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def room_of(header: Path, within: Path) -> str:
    """Return the folder of a header or source: `send` of public ones, `send/packets` of private."""
    return str(header.relative_to(within).parent)


def included_rooms(path: Path) -> set[str]:
    """Return the rooms of the engine that a file includes headers of."""
    text = path.read_text()
    rooms = {
        f"public {Path(name).parent}"
        for name in re.findall(r"#include <spead2/(\S+\.h)>", text)
        if name != "version.h"
    }
    for name in re.findall(r'#include "(\S+\.h)"', text):
        found = ROOT / "lib" / name if (ROOT / "lib" / name).exists() else path.parent / name
        assert found.exists(), f"{path} includes {name}, which is nowhere"
        rooms.add(f"private {room_of(found.resolve(), ROOT / 'lib')}")
    return rooms


def test_rooms_of_the_engine_include_each_other_in_no_circle() -> None:
    """Rooms are folders of headers, public and private ones apart, with the sources beside them.

    A wing's own sources (`lib/send/*.cc`) stand above all its rooms: they put them together.
    """
    uses: dict[str, set[str]] = {}
    for path in (ROOT / "include" / "spead2").rglob("*.h"):
        room = f"public {room_of(path, ROOT / 'include' / 'spead2')}"
        uses.setdefault(room, set()).update(included_rooms(path) - {room})
    for path in (ROOT / "lib").rglob("*"):
        if path.suffix not in {".h", ".cc"} or "gnuradio" in path.parts:
            continue
        room = f"private {room_of(path, ROOT / 'lib')}"
        uses.setdefault(room, set()).update(included_rooms(path) - {room})
    assert len(uses) > 10
    no_circle_in(uses, "includes")


@pytest.mark.parametrize("face", ["python/bindings", "lib/gnuradio"])
def test_rooms_of_the_faces_include_each_other_in_no_circle(face: str) -> None:
    """The bindings, and the blocks of GNU Radio: rooms are folders here, too."""
    root = ROOT / face
    uses: dict[str, set[str]] = {}
    for path in root.rglob("*"):
        if path.suffix not in {".h", ".cc"}:
            continue
        room = uses.setdefault(str(path.parent.relative_to(ROOT)), set())
        for name in re.findall(r'#include "(\S+\.h)"', path.read_text()):
            places = [folder / name for folder in (path.parent, root, ROOT / "lib")]
            found = next((place.resolve() for place in places if place.exists()), None)
            assert found is not None, f"{path} includes {name}, which is nowhere"
            if found.parent != path.parent:
                room.add(str(found.parent.relative_to(ROOT)))
    assert len(uses) > 1
    assert any(uses.values())
    no_circle_in(uses, "includes")


def test_floors_know_only_those_below() -> None:
    """Base, wire, runtime and net, then two wings that do not know each other."""
    below = {
        "base": {"base"},
        "wire": {"base", "wire"},
        "runtime": {"base", "wire", "runtime"},
        "net": {"base", "wire", "runtime", "net"},
        "send": {"base", "wire", "runtime", "net", "send"},
        "recv": {"base", "wire", "runtime", "net", "recv"},
    }
    for folder in (ROOT / "include" / "spead2", ROOT / "lib"):
        for path in folder.rglob("*"):
            if path.suffix not in {".h", ".cc"} or "gnuradio" in path.parts:
                continue
            floor = path.relative_to(folder).parts[0]
            known = {room.split()[1].split("/")[0] for room in included_rooms(path)}
            assert known <= below[floor], f"{path} knows {known - below[floor]}"
