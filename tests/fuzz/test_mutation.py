# SPDX-License-Identifier: Apache-2.0
"""script/mutate finds what can be changed, changes just that, and knows tests for every file."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "script"))

from mutation.changes import changes_of  # noqa: E402
from mutation.schemata import HEADER, Schemata  # noqa: E402
from mutation.who_tests import TESTS, who_tests  # noqa: E402

SOURCE = """\
#include <a> // 1 < 2
// a comment: x < 1
int f(int x) {
    const char* text = "1 < 2";
    if (x < 1) return x;
    g(text);
    return x + 1;
}
"""


def test_only_code_is_changed(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.cc").write_text(SOURCE)
    found = {(change.line, change.after.strip()) for change in changes_of(tmp_path, "a.cc")}
    assert found == {
        (5, "if (x <= 1) return x;"),
        (5, "if (x < 2) return x;"),
        (5, "if (x < 0) return x;"),
        (5, "if (true) return x;"),
        (5, "if (false) return x;"),
        (6, ";  // g(text);"),
        (7, "return x - 1;"),
        (7, "return x + 2;"),
        (7, "return x + 0;"),
    }


def test_a_change_is_undone(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.cc").write_text(SOURCE)
    for change in changes_of(tmp_path, "a.cc"):
        change.apply(tmp_path)
        assert (tmp_path / "a.cc").read_text() != SOURCE
        with pytest.raises(ValueError, match=r"a\.cc"):
            change.apply(tmp_path)
        change.undo(tmp_path)
        assert (tmp_path / "a.cc").read_text() == SOURCE


@pytest.mark.parametrize("start", TESTS)
def test_every_entry_of_the_table_names_files_and_tests(start: str) -> None:
    assert list(ROOT.glob(f"{start}*"))
    assert who_tests(ROOT, f"{start}x.cc")


PROGRAM = """\
extern "C" int printf(const char*, ...);
constexpr int most = 40;
struct pair {
    explicit pair(int x) : a(x), b{x + 1} {}
    int a;
    int b;
    int c = 7;
};
int g(int x, int y) {
    const pair both(x * 2);
    const auto add = [&](int z) {
        if (z != 4 &&
            y > 1)
            return z + both.b - both.c;
        return z;
    };
    return add(y) % most;
}
int main() {
    int n = g(3, 9);
    while (n > 30) n -= 2;
    for (int i = 0; i < 3; ++i) {
        printf("%d ", i);
        n += g(n,
               i == 1 ? 4 : 5);
    }
    switch (n % 3) {
        case 1:
            ++n;
            break;
        default:
            if (n < 5) n = 1; else n -= 1;
    }
    printf("%d", n);
}
"""


def output_of(program: pathlib.Path, **variables: str) -> tuple[int, str]:
    done = subprocess.run(
        ["timeout", "-s", "KILL", "1", program],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.returncode, done.stdout[:100]


@pytest.mark.cxx
def test_all_changes_at_once_are_each_what_it_is_alone(tmp_path: pathlib.Path) -> None:
    """And which of them a program reaches can be seen."""
    source = tmp_path / "a.cc"
    source.write_text(PROGRAM)
    (tmp_path / "header.h").write_text(HEADER)
    compiler = ["g++", "-std=c++20", "-w", "-include", tmp_path / "header.h", source, "-o"]
    changes = dict(enumerate(changes_of(tmp_path, "a.cc")))
    schemata = Schemata(tmp_path, changes)
    schemata.write()
    subprocess.run([*compiler, tmp_path / "all"], check=True)
    schemata.restore()
    chosen = [number for number in changes if number not in schemata.left]
    left = {changes[number].before.strip() for number in schemata.left}
    assert left == {PROGRAM.splitlines()[0], "constexpr int most = 40;", "case 1:"}
    reached = tmp_path / "reached"
    reached.write_bytes(bytes(1 << 16))
    subprocess.run([*compiler, tmp_path / "plain"], check=True)
    plain = output_of(tmp_path / "plain")
    assert output_of(tmp_path / "all", SPEAD2_MUTANTS_REACHED=str(reached)) == plain
    found = {number for number, byte in enumerate(reached.read_bytes()) if byte}
    assert found <= set(chosen)
    differ = set()
    for number in chosen[::8]:
        changes[number].apply(tmp_path)
        subprocess.run([*compiler, tmp_path / "one"], check=True)
        changes[number].undo(tmp_path)
        expected = output_of(tmp_path / "one")
        assert output_of(tmp_path / "all", SPEAD2_MUTANT=str(number)) == expected, changes[number]
        if expected != plain:
            differ.add(number)
    assert differ <= found
    assert len(differ) > 2
