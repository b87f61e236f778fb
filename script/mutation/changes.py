# SPDX-License-Identifier: Apache-2.0
"""Changes of one place in one line of a C++ source, as a slip of the hand would make them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

from .cxx_text import blank

#: What a word or an operator is changed to. clang-format puts spaces around binary operators, and
#: none around the signs of templates, references and pointers.
SWAPS = {
    " < ": [" <= "],
    " <= ": [" < "],
    " > ": [" >= "],
    " >= ": [" > "],
    " == ": [" != "],
    " != ": [" == "],
    " && ": [" || "],
    " || ": [" && "],
    " + ": [" - "],
    " - ": [" + "],
    " * ": [" / "],
    " / ": [" * "],
    " % ": [" / "],
    " << ": [" >> "],
    " >> ": [" << "],
    " & ": [" | "],
    " | ": [" & "],
    " += ": [" -= "],
    " -= ": [" += "],
    "++": ["--"],
    "--": ["++"],
    "true": ["false"],
    "false": ["true"],
    "std::min": ["std::max"],
    "std::max": ["std::min"],
    "continue;": ["break;"],
}
_WORDS = re.compile("|".join(rf"\b{w}" if w[0].isalpha() else re.escape(w) for w in SWAPS))
_NUMBER = re.compile(r"(?<![\w.'])(\d+)(?=[uUlLzZ]*(?![\w.']))")
_NOT = re.compile(r"!(?=[\w(*])")
_IF = re.compile(r"\bif \((?=.*\))")
#: A statement of one line that is no declaration.
_STATEMENT = re.compile(
    r"(?!(return|using|case|default|else|goto|delete|friend|if|for|while)\b)[\w*+(:][^{}]*;"
)
_DECLARATION = re.compile(
    r"(const |constexpr |static |auto |.* = (default|delete);|"
    r"[\w:]+(<.*>)?[*& ]+ ?\w+( = |;|\(|\{|\[))"
)
_LITERALS = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)\'|//.*|/\*.*?\*/')
#: Texts are added up, but not taken away.
_ADDS_TEXT = re.compile(r'"|\bstring\b|to_string|\btext\b|\bwhat\b')
_NOT_CODE = re.compile(r"\s*(#|static_assert|//|///|\*|template|using|namespace|\[\[|asm)")


@dataclasses.dataclass(frozen=True, order=True)
class Change:
    """One line of a file, as it is and as it would be; the same wherever in the file it stands."""

    path: str  #: below the project's root
    line: int = dataclasses.field(compare=False)  #: from 1
    before: str
    after: str

    def __str__(self) -> str:
        """Return where it is and both lines."""
        return f"{self.path}:{self.line}\n  - {self.before.strip()}\n  + {self.after.strip()}"

    def apply(self, root: Path) -> None:
        """Write the changed line."""
        self._replace(root, self.before, self.after)

    def undo(self, root: Path) -> None:
        """Write the line as it was."""
        self._replace(root, self.after, self.before)

    def _replace(self, root: Path, old: str, new: str) -> None:
        file = root / self.path
        lines = file.read_text(encoding="utf-8").split("\n")
        if lines[self.line - 1] != old:
            raise ValueError(f"{self.path}:{self.line} is not {old!r}")
        lines[self.line - 1] = new
        file.write_text("\n".join(lines), encoding="utf-8")


def _blank(line: str) -> str:
    """Return the line without what is in strings and comments, as long as it was."""
    return _LITERALS.sub(lambda found: "~" * len(found[0]), line)


def _matching(code: str, opened: int) -> int:
    """Return where the parenthesis that opens at a place closes, or -1."""
    depth = 0
    for at in range(opened, len(code)):
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        if depth == 0:
            return at
    return -1


def _changed_lines(line: str, code: str, before: str) -> Iterator[str]:
    for found in _WORDS.finditer(code):
        if found[0] in {" + ", " += "} and _ADDS_TEXT.search(line):
            continue
        for other in SWAPS[found[0]]:
            yield line[: found.start()] + other + line[found.end() :]
    for found in _NUMBER.finditer(code):
        number = int(found[0])
        for other_number in [number + 1] + ([number - 1] if number else []):
            yield line[: found.start()] + str(other_number) + line[found.end() :]
    for found in _NOT.finditer(code):
        yield line[: found.start()] + line[found.end() :]
    for found in _IF.finditer(code):
        end = _matching(code, found.end() - 1)
        if end > 0 and "constexpr" not in code:
            for answer in ["true", "false"]:
                yield f"{line[: found.end()]}{answer}{line[end:]}"
    text = code.strip()
    complete = before.endswith((";", "{", "}", ":")) or not before
    complete = complete and text.count("(") == text.count(")")
    statement = text.startswith("throw ") or not _DECLARATION.match(text)
    if complete and statement and _STATEMENT.fullmatch(text):
        indent = len(line) - len(line.lstrip())
        yield line[:indent] + ";  // " + line[indent:]


def changes_of(root: Path, path: str) -> list[Change]:
    """Return every change of a file that this module can think of."""
    result: list[Change] = []
    before = ""
    text = (root / path).read_text(encoding="utf-8")
    lines = zip(text.split("\n"), blank(text).split("\n"))
    for number, (line, without_strings) in enumerate(lines, 1):
        code = _blank(line)
        if without_strings.strip() and not _NOT_CODE.match(code):
            result += [
                Change(path, number, line, after) for after in _changed_lines(line, code, before)
            ]
        if code.strip() and not code.strip().startswith("~"):
            before = code.rstrip("~ ")
    return list(dict.fromkeys(result))
