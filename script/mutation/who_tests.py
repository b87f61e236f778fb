# SPDX-License-Identifier: Apache-2.0
"""Which tests can notice a change of a source: those of its floor, and of the floors above."""

from __future__ import annotations

from pathlib import Path

_SENDING = [
    "tests/wire/test_golden_*.py",
    "tests/wire/test_pointer_order.py",
    "tests/wire/test_decoded_is_encoded.py",
    "tests/wire/test_packets_of_items.py",
    "tests/send/test_[!ls]*.py",
    "tests/send/test_[ls]*.py",
    "tests/recv/test_description*.py",
    "tests/fuzz/test_fuzz.py",
]
_RECEIVING = ["tests/recv/test_*.py", "tests/wire/test_decod*.py", "tests/fuzz/test_fuzz.py"]
_NETWORK = ["tests/transports/test_*.py", "tests/recv/test_socket*.py", "tests/tools/test_send*.py"]

_BINDINGS = ["tests/wire/test_*.py", "tests/recv/test_*.py", "tests/send/test_*.py"]

#: By the beginning of a file's path; the longest that fits counts.
TESTS = {
    "lib/wire/": ["tests/wire/test_*.py", *_RECEIVING, *_SENDING],
    "lib/send/": [*_SENDING, "tests/faults/test_[!nt]*.py", "tests/transports/test_*.py"],
    "lib/send/driver/": [*_SENDING, "tests/faults/test_[!n]*.py", "tests/transports/test_udp_*.py"],
    "lib/send/packets/": [*_SENDING, "tests/transports/test_pcap.py"],
    "lib/send/transports/": [*_NETWORK, "tests/faults/test_*.py", "tests/send/test_streams.py"],
    "lib/send/transports/ibv/": ["tests/ibverbs/test_*.py"],
    "lib/send/transports/udp_ibv": ["tests/ibverbs/test_*.py", "tests/transports/test_stream*.py"],
    "lib/recv/": [*_RECEIVING, "tests/interop/test_same_heaps.py", "tests/tools/test_recv*.py"],
    "lib/net/": [
        *_NETWORK,
        "tests/net/test_*.py",
        "tests/send/test_streams.py",
        "tests/recv/test_captures.py",
        "tests/ibverbs/test_*.py",
    ],
    "lib/net/verbs": ["tests/ibverbs/test_*.py"],
    "lib/runtime/": [*_SENDING, *_RECEIVING, "tests/faults/test_*.py"],
    "python/bindings/": _BINDINGS,
    "python/bindings/core/": _BINDINGS,
    "python/bindings/recv/": [*_RECEIVING, "tests/tools/test_recv*.py", *_NETWORK],
    "python/bindings/send/": [*_SENDING, *_NETWORK, "tests/faults/test_[!nt]*.py"],
    "python/bindings/send/udp_ibv": ["tests/ibverbs/test_*.py", *_SENDING],
    "python/bindings/support/": _BINDINGS,
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
