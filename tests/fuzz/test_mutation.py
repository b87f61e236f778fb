# SPDX-License-Identifier: Apache-2.0
"""script/mutate finds what can be changed, changes just that, and knows tests for every file."""

from __future__ import annotations

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "script"))

from mutation.changes import changes_of  # noqa: E402
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
