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
from mutation.explanations import explanations, heading  # noqa: E402
from mutation.schemata import HEADER, Schemata  # noqa: E402
from mutation.trial import CannotRunError, Outcome, Server  # noqa: E402
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


def test_every_change_can_be_explained_in_a_line(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.cc").write_text(SOURCE)
    changes = changes_of(tmp_path, "a.cc")
    page = tmp_path / "page.md"
    page.write_text("# Why\n\n" + "".join(f"- {heading(one)}: why {one.line}\n" for one in changes))
    assert explanations(page) == {heading(one): f"why {one.line}" for one in changes}
    page.write_text(f"- {heading(changes[0])}: so\n- {heading(changes[0])}: or so\n")
    with pytest.raises(ValueError, match="explains twice"):
        explanations(page)


def test_the_page_explains_changes_of_files_that_there_are() -> None:
    for name in explanations(ROOT / "docs" / "mutations.md"):
        assert (ROOT / name.split("`")[1]).is_file(), name


TESTS_OF_ALL_KINDS = """\
import os, signal, time
def test_that_passes(): pass
def test_that_passes_with_change_7(): assert os.environ["SPEAD2_MUTANT"] == "7"
def test_that_ends_the_process(): os.kill(os.getpid(), signal.SIGKILL)
def test_that_never_ends():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    while True: time.sleep(3600)
def test_at_the_end(): pass
"""


class Tree:
    """What a Server needs of a Scratch."""

    python = pathlib.Path(sys.executable)

    def __init__(self, tree: pathlib.Path) -> None:
        self.tree = tree

    def start(
        self, command: list[str], variables: dict[str, str], descriptors: tuple[int, ...]
    ) -> subprocess.Popen[bytes]:
        variables = {**os.environ, **variables, "PYTHONPATH": str(ROOT / "tests")}
        return subprocess.Popen(command, cwd=self.tree, pass_fds=descriptors, env=variables)


def test_a_process_that_has_collected_runs_tests_as_it_is_asked(tmp_path: pathlib.Path) -> None:
    (tmp_path / "test_all.py").write_text(TESTS_OF_ALL_KINDS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    server = Server(Tree(tmp_path), ["test_all.py"], "", {}, tmp_path / "temporary")
    try:
        passes, with_7, ends, never, last = [
            Outcome(name, -3.8, True, frozenset())
            for name in server.names  # at most a second
        ]
        everything = [passes, with_7, ends, never, last]

        def run(
            number: int | None, tests: list[Outcome], on: bool = False
        ) -> list[tuple[str, bool]]:
            return [(one.name, one.passed) for one in server.run(tests, number, on)]

        assert run(7, everything) == [(passes.name, True), (with_7.name, True), (ends.name, False)]
        assert run(8, everything) == [(passes.name, True), (with_7.name, False)]
        assert run(None, [never, last]) == [(never.name, False)]
        assert [one.passed for one in server.run_all(server.names[:3])] == [True, False, False]
        assert run(None, [last]) == [(last.name, True)]
    finally:
        server.close()


def test_a_process_that_cannot_collect_says_so(tmp_path: pathlib.Path) -> None:
    (tmp_path / "test_all.py").write_text("import there_is_no_such_module\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    with pytest.raises(CannotRunError):
        Server(Tree(tmp_path), ["test_all.py"], "", {}, tmp_path / "temporary")


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
