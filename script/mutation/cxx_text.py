# SPDX-License-Identifier: Apache-2.0
"""Which expression or statement of a C++ source a place belongs to, as far as brackets tell."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

_NOT_CODE = re.compile(
    r'R"(\w*)\(.*?\)\1"|"(?:[^"\\\n]|\\.)*"|(?<!\w)\'(?:[^\'\\\n]|\\.)+\'|//[^\n]*|/\*.*?\*/'
    r"|^[ \t]*#(?:[^\n\\]|\\.|\\\n)*",
    re.DOTALL | re.MULTILINE,
)
_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_TYPE = re.compile(r"\b(class|struct|union|enum)\b[^()=;]*$")
_SCOPE = re.compile(r"\bnamespace\b[\w:\s]*$|\bextern\s*$")
_BODY = re.compile(
    r"(\)|\]|\b(const|noexcept|override|final|mutable|else|do|try)|->\s*[\w:<>,*&\s]+)$"
)
_CONTROL = re.compile(r"(if|for|while|switch|catch)\s*(?=\()|(else|do|try)\b(?!\s*\()")
_LABEL = re.compile(r"(case\b[^;{}?]*?[^:]|default|public|private|protected)\s*:(?!:)")


@dataclasses.dataclass
class Group:
    """A pair of brackets and what is between them."""

    kind: str  #: "(", "[", or of braces: "block", "type", "scope", "value"
    begin: int  #: behind the opening one
    parent: Group | None
    end: int = -1  #: of the closing one
    groups: list[Group] = dataclasses.field(default_factory=list)


def blank(text: str) -> str:
    """Return the text, as long as it was, without strings, comments and what is preprocessed."""
    return _NOT_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def on_one_line(text: str) -> str:
    """Return code without its comments and line ends."""
    return " ".join(_COMMENT.sub(lambda found: found[1] or " ", text).split())


def _kind_of_braces(head: str, parent: Group) -> str:
    head = head.strip()
    if not head:
        return "value" if parent.kind in {"value", "(", "["} else "block"
    if _SCOPE.search(head):
        return "scope"
    if _TYPE.search(head) and not head.endswith(")"):
        return "type"
    return "block" if _BODY.search(head) else "value"


class CxxText:
    """A source and its brackets."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.code = blank(text)
        self.top = Group("scope", 0, None, len(text))
        here = self.top
        head = 0  # where what may be the head of a block begins
        for found in re.finditer(r"[()\[\]{};]", self.code):
            at, sign = found.start(), found[0]
            if sign in _PAIRS:
                kind = _kind_of_braces(self.code[head:at], here) if sign == "{" else sign
                here.groups.append(Group(kind, at + 1, here))
                here = here.groups[-1]
            elif sign != ";":
                here.end = at
                here = here.parent or self.top
            if sign in "{};":
                head = at + 1

    def enclosing(self, at: int) -> Group:
        """Return the innermost brackets around a place."""
        here = self.top
        while True:
            inner = [group for group in here.groups if group.begin <= at < group.end]
            if not inner:
                return here
            here = inner[0]

    def block(self, at: int) -> Group | None:
        """Return the innermost block around a place; None outside of functions."""
        here: Group | None = self.enclosing(at)
        while here is not None and here.kind != "block":
            here = here.parent
        return here

    def _level(self, group: Group) -> Iterator[tuple[int, str]]:
        """Go through the signs directly in a group, with nested groups as one sign."""
        at = group.begin
        for inner in [*group.groups, None]:
            end = inner.begin - 1 if inner is not None else group.end
            for found in re.finditer(r"[;,]", self.code[at:end]):
                yield at + found.start(), found[0]
            if inner is not None:
                yield inner.begin - 1, inner.kind
                at = inner.end + 1

    def _group_at(self, parent: Group, opening: int) -> Group:
        return next(group for group in parent.groups if group.begin == opening + 1)

    def statement(self, block: Group, at: int) -> tuple[int, int]:
        """Return where the statement of a block that a place is in begins and ends.

        It ends with its semicolon, or where a block of its own begins.
        """
        begin = block.begin
        for place, sign in self._level(block):
            if sign == ";" and place >= at:
                return begin, place + 1
            if sign == ";":
                begin = place + 1
            elif sign == "block":
                inner = self._group_at(block, place)
                follows = self.code[inner.end + 1 :].lstrip()[:1]
                if follows in {";", ",", ".", "("}:  # a lambda
                    continue
                if place >= at:
                    return begin, place
                begin = inner.end + 1
        return begin, block.end

    def pieces(self, group: Group, sign: str) -> list[tuple[int, int]]:
        """Return what the signs directly in a group separate."""
        places = [place for place, found in self._level(group) if found == sign]
        return list(zip([group.begin, *(p + 1 for p in places)], [*places, group.end]))

    def heads(self, begin: int, at: int) -> Iterator[tuple[str, Group | None, int]]:
        """Go through "else", "if (...)" and the like at the beginning of a statement.

        Yields the keyword, its brackets, and where what follows begins, up to a place.
        """
        while True:
            begin += len(self.code[begin:]) - len(self.code[begin:].lstrip())
            label = _LABEL.match(self.code, begin)
            if label is not None and label.end() > at:
                yield "case", None, begin
                return
            if label is not None:
                begin = label.end()
                continue
            found = _CONTROL.match(self.code, begin)
            if found is None:
                yield "", None, begin
                return
            brackets = None
            end = found.end()
            if found[1]:
                outer = self.enclosing(begin)
                brackets = self._group_at(outer, self.code.index("(", begin))
                end = brackets.end + 1
            yield found[1] or found[2], brackets, end
            if at < end:
                return
            begin = end
