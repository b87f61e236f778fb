# SPDX-License-Identifier: Apache-2.0
"""Sources that have many changes at once, each of which is chosen when the program starts.

One build serves all of them: the environment says which one is in force, and says it again to a
process after fork(). A map in a file has a byte a change, which is set when its place is reached.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

from .changes import Change
from .cxx_text import CxxText, Group, on_one_line

#: Bytes of the map.
SIZE = 65536
#: Included before everything else.
HEADER = """\
#pragma once
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

namespace spead2_mutation {

inline unsigned char* open_map() noexcept {
    const char* const name = std::getenv("SPEAD2_MUTANTS_REACHED");
    const int fd = name == nullptr ? -1 : ::open(name, O_RDWR | O_CLOEXEC);
    if (fd < 0) return nullptr;
    void* const map = ::mmap(nullptr, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    return map == MAP_FAILED ? nullptr : static_cast<unsigned char*>(map);
}
inline int read_chosen() noexcept {
    const char* const number = std::getenv("SPEAD2_MUTANT");
    return number == nullptr ? -1 : std::atoi(number);
}

inline int chosen = -1;
inline unsigned char* const reached = [] {
    chosen = read_chosen();
    ::pthread_atfork(nullptr, nullptr, [] { chosen = read_chosen(); });
    return open_map();
}();

inline bool is(int number) noexcept {
    if (reached != nullptr) __atomic_store_n(&reached[number], 1, __ATOMIC_RELAXED);
    return chosen == number;
}

}  // namespace spead2_mutation
"""
_DECLARATION = re.compile(
    r"(?:\[\[\w+\]\] )?(?:const |static |inline |thread_local |constexpr |mutable )*"
    r"(?!return\b|throw\b|delete\b|new\b|else\b|goto\b|using\b|co_)"
    r"[\w:]+(?:<.*>)?(?:::\w+)?[*& ]+(?:const )?(?:\w+|\[[\w, ]+\])(?:\[\w*\])*"
    r"(?P<init> = |;|\(|\{)",
    re.DOTALL,
)
_DECLARED_CONDITION = re.compile(r"\s*(const )?[\w:<>, ]+[*& ]+(const )?\w+ = ")


@dataclasses.dataclass(frozen=True)
class Rewriting:
    """What stands for a part of a source: both what it was and what it becomes."""

    begin: int
    end: int
    before: str  #: what comes before the part as it was
    behind: str


#: Makes a form of what is between two places.
Form = Callable[[int, int, str], "Rewriting | None"]


def _line_begins(text: str) -> list[int]:
    begins = [0]
    for line in text.split("\n"):
        begins.append(begins[-1] + len(line) + 1)
    return begins


def rewrite(source: CxxText, change: Change, number: int) -> Rewriting | None:
    """Return how a change is chosen at run time; None if that cannot be told."""
    begin = _line_begins(source.text)[change.line - 1]
    removed = change.after.lstrip().startswith(";  // ")
    old, new = change.before, change.after
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    at = begin + head
    if removed:
        at = begin + len(old) - len(old.lstrip())
        new = old[: len(old) - len(old.lstrip())] + ";"

    def both(a: int, b: int, form: str) -> Rewriting | None:
        """Make the form of what was from a to b: %(m)s, %(new)s, and last of all what it was."""
        if not a <= begin + head or (removed and b < begin + len(old.rstrip(" ;{"))):
            return None
        whole = source.text[:begin] + new + source.text[begin + len(old) :]
        changed = on_one_line(whole[a : b + len(new) - len(old)])
        before, behind = form.split("%(old)s")
        values = {"m": f"spead2_mutation::is({number})", "new": changed}
        return Rewriting(a, b, before % values, behind)

    choice = "(%(m)s ? (%(new)s) : (%(old)s))"
    truth = "(%(m)s ? static_cast<bool>(%(new)s) : static_cast<bool>(%(old)s))"
    block = source.block(at)
    if block is None:
        return _outside(source, at, both, choice)
    start, end = source.statement(block, at)
    for word, brackets, behind in source.heads(start, at):
        start = behind
        if word == "case":
            return None
        if brackets is None or not brackets.begin <= at <= brackets.end:
            continue
        parts = source.pieces(brackets, ";")
        index = next(i for i, (a, b) in enumerate(parts) if a <= at <= b)
        a, b = parts[index]
        if re.match(r"\s*constexpr", source.code[start:]) or word == "catch":
            return None
        condition = index == (1 if word == "for" else len(parts) - 1)
        if word in {"if", "while", "for"} and condition:
            if _DECLARED_CONDITION.match(source.code[a:b]):
                return _argument(source, at, both, choice)
            return both(a, b, truth)
        if word == "switch":
            return both(a, b, choice)
        if word == "for" and index == 2:
            return both(a, b, "(%(m)s ? static_cast<void>(%(new)s) : static_cast<void>(%(old)s))")
        return _outside(source, at, both, choice)
    if source.code[end - 1] != ";":
        return _argument(source, at, both, choice)
    statement = source.code[start:end]
    if statement.lstrip().startswith(("using ", "static_assert", "constexpr ", "static constexpr")):
        return None
    declared = _DECLARATION.match(statement.lstrip())
    if declared is not None and not removed:
        if declared["init"] == " = ":
            a = start + len(statement) - len(statement.lstrip()) + declared.end()
            if a <= at and not statement[a - start :].lstrip().startswith(("{", "[")):
                return both(a, end - 1, choice)
        return _argument(source, at, both, choice)
    return both(start, end, "{ if (%(m)s) { %(new)s } else { %(old)s } }")


def _argument(source: CxxText, at: int, both: Form, choice: str) -> Rewriting | None:
    """Choose the argument that a place is in."""
    group: Group = source.enclosing(at)
    if group.kind not in {"(", "value", "["}:
        return None
    for a, b in source.pieces(group, ","):
        if a <= at <= b and ";" not in source.code[a:b]:
            return both(a, b, choice)
    return None


def _outside(source: CxxText, at: int, both: Form, choice: str) -> Rewriting | None:
    """Choose an argument, or what a member or constant begins with."""
    inside = _argument(source, at, both, choice)
    if inside is not None:
        return inside
    group = source.enclosing(at)
    for a, b in source.pieces(group, ";"):
        if a <= at <= b:
            text = source.code[a:b]
            found = text.rfind(" = ", 0, at + 1 - a)
            if found >= 0 and "{" not in text[found:] and "constexpr" not in text:
                return both(a + found + 3, b, choice)
    return None


class Schemata:
    """Changes of a tree that can be built at once.

    Parameters
    ----------
    root
        The tree, unchanged.
    changes
        By their numbers.
    """

    def __init__(self, root: Path, changes: dict[int, Change]) -> None:
        self._root = root
        self._texts: dict[str, CxxText] = {}
        self.parts: dict[str, dict[int, Rewriting]] = {}
        self.left: set[int] = set()  #: those that have to be built one by one
        for number, change in changes.items():
            text = self._texts.get(change.path)
            if text is None:
                text = CxxText((root / change.path).read_text(encoding="utf-8"))
                self._texts[change.path] = text
            found = rewrite(text, change, number)
            others = self.parts.setdefault(change.path, {})
            if found is None or any(
                found.begin < other.end
                and other.begin < found.end
                and (found.begin, found.end) != (other.begin, other.end)
                for other in others.values()
            ):
                self.left.add(number)
            else:
                others[number] = found

    def write(self) -> None:
        """Write the sources of the tree that have changes, each if it is another than it was."""
        for path, parts in self.parts.items():
            text = self._texts[path].text
            whole: dict[tuple[int, int], str] = {}
            for part in parts.values():
                place = part.begin, part.end
                old = whole.get(place, text[part.begin : part.end])
                whole[place] = part.before + old + part.behind
            for (begin, end), both in sorted(whole.items(), reverse=True):
                text = text[:begin] + both + text[end:]
            file = self._root / path
            if file.read_text(encoding="utf-8") != text:
                file.write_text(text, encoding="utf-8")

    def restore(self) -> None:
        """Write the sources as they were."""
        for path in self.parts:
            (self._root / path).write_text(self._texts[path].text, encoding="utf-8")

    def drop(self, places: set[tuple[str, int]]) -> set[int]:
        """Leave out what is at lines of files that could not be compiled; return what that was."""
        dropped = set()
        for path, line in places:
            text = self._texts[path].text if path in self._texts else ""
            for number, part in list(self.parts.get(path, {}).items()):
                first = text.count("\n", 0, part.begin) + 1
                if line == 0 or first <= line <= text.count("\n", 0, part.end) + 1:
                    del self.parts[path][number]
                    dropped.add(number)
        self.left |= dropped
        return dropped
