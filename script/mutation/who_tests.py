# SPDX-License-Identifier: Apache-2.0
"""Which tests can notice a change of a source: those of its floor, and of the floors above."""

from __future__ import annotations

from pathlib import Path

_WIRE = ["tests/wire/test_*.py"]
_SENDING = [
    "tests/send/test_[!ls]*.py",
    "tests/send/test_[ls]*.py",
    "tests/transports/test_*.py",
    "tests/tools/test_send*.py",
]
_RECEIVING = ["tests/recv/test_*.py", "tests/interop/test_same_*.py", "tests/tools/test_*recv*.py"]
_FAULTS = ["tests/faults/test_[!ns]*.py", "tests/faults/test_[ns]*.py"]
_VERBS = ["tests/ibverbs/test_*.py"]
_ALL = [*_WIRE, *_SENDING, *_RECEIVING, *_FAULTS]

#: By the beginning of a file's path; the longest that fits counts. Which of them reach a change is
#: found out, so that these may be many.
TESTS = {
    "lib/wire/": _ALL,
    "lib/send/": [*_WIRE, *_SENDING, *_FAULTS, "tests/recv/test_description*.py"],
    "lib/send/transports/ibv/": _VERBS,
    "lib/send/transports/udp_ibv": [*_VERBS, "tests/transports/test_stream*.py"],
    "lib/recv/": [*_RECEIVING, "tests/wire/test_decod*.py", *_FAULTS],
    "lib/recv/readers/ibv/": _VERBS,
    "lib/recv/readers/udp_ibv": _VERBS,
    "lib/net/": ["tests/net/test_*.py", *_SENDING, *_RECEIVING, *_FAULTS, *_VERBS],
    "lib/net/verbs": _VERBS,
    "lib/runtime/": _ALL,
    "python/bindings/": _ALL,
    "python/bindings/recv/": [*_RECEIVING, *_WIRE, *_FAULTS, *_VERBS],
    "python/bindings/send/": [*_SENDING, *_WIRE, *_FAULTS, *_VERBS],
}


def who_tests(root: Path, path: str) -> list[str]:
    """Return the test files that go with a source, nearest first.

    Raises
    ------
    LookupError
        No entry of `TESTS` fits.
    """
    fitting = [start for start in TESTS if path.startswith(start)]
    if not fitting:
        raise LookupError(f"script/mutation/who_tests.py has no tests of {path}")
    names: list[str] = []
    for pattern in TESTS[max(fitting, key=len)]:
        names += sorted(str(file.relative_to(root)) for file in root.glob(pattern))
    return list(dict.fromkeys(names))
