# SPDX-License-Identifier: Apache-2.0
"""Packets byte for byte, and the heaps, statistics and log messages that they become."""

from __future__ import annotations

from typing import Any

import pytest
import reception

FIRST_HALF = (
    "5304030500000005 8000010000000002 8000020000000008 8000030000000000 8000040000000004"
    "0010000000000000 61626364"
)
SECOND_HALF = (
    "5304030500000004 8000010000000002 8000020000000008 8000030000000004 8000040000000004 65666768"
)
STOP = "5304030500000005 8000010000000006 8000020000000000 8000030000000000 8000040000000000" + (
    "8000060000000002"
)


NO_UPDATE = reception.Settings(update=False)


def check(
    packets: list[str],
    heaps: list[tuple[str, int, list[tuple[int, Any]]]],
    stats: dict[str, int],
    log: list[tuple[str, str]] | None = None,
    settings: reception.Settings | None = None,
) -> reception.Report:
    report = reception.receive([bytes.fromhex(packet) for packet in packets], settings or NO_UPDATE)
    assert [(heap["kind"], heap["cnt"], heap["items"]) for heap in report.heaps] == heaps
    assert report.log == (log or [])
    assert {
        name: value for name, value in report.stats.items() if value and name != "max_batch"
    } == stats
    return report


def test_smallest_heap() -> None:
    check(
        ["5304030500000005 8000010000000001 8000020000000004 8000030000000000 8000040000000004"
         "0010000000000000 61626364"],
        [("Heap", 1, [(0x1000, b"abcd")])],
        {"heaps": 1, "packets": 1, "batches": 1, "single_packet_heaps": 1},
    )  # fmt: skip


def test_immediate_only() -> None:
    check(
        ["5304030500000005 8000010000000007 8000020000000000 8000030000000000 8000040000000000"
         "8016000000000102"],
        [("Heap", 7, [(0x1600, 258)])],
        {"heaps": 1, "packets": 1, "batches": 1, "single_packet_heaps": 1},
    )  # fmt: skip


def test_wider_addresses() -> None:
    report = check(
        ["5304020600000006 8001000000000001 8002000000000002 8003000000000000 8004000000000002"
         "1000000000000000 9001fffffffffffe 1234"],
        [("Heap", 1, [(0x1000, b"\x12\x34"), (0x1001, 281474976710654)])],
        {"heaps": 1, "packets": 1, "batches": 1, "single_packet_heaps": 1},
    )  # fmt: skip
    assert report.heaps[0]["flavour"] == (48, 0)


def test_two_packets() -> None:
    check(
        [FIRST_HALF, SECOND_HALF],
        [("Heap", 2, [(0x1000, b"abcdefgh")])],
        {"heaps": 1, "packets": 2, "batches": 2, "search_dist": 2},
    )


def test_the_second_packet_first() -> None:
    report = reception.receive(
        [bytes.fromhex(SECOND_HALF), bytes.fromhex(FIRST_HALF)], reception.Settings()
    )
    assert report.heaps == []
    assert report.stats["incomplete_heaps_flushed"] == 1
    assert ("WARNING", "dropped incomplete heap 2 (4/8 bytes of payload)") in report.log


def test_any_order_if_allowed() -> None:
    check(
        [SECOND_HALF, FIRST_HALF],
        [("Heap", 2, [(0x1000, b"abcdefgh")])],
        {"heaps": 1, "packets": 2, "batches": 2, "search_dist": 2},
        settings=reception.Settings(config={"allow_out_of_order": True}, update=False),
    )


def test_a_lost_packet() -> None:
    report = check(
        ["5304030500000006 8000010000000003 800002000000000c 8000030000000000 8000040000000004"
         "0010000000000000 8010010000000007 61626364",
         "5304030500000004 8000010000000003 800002000000000c 8000030000000008 8000040000000004"
         "696a6b6c"],
        [("IncompleteHeap", 3, [(0x1001, 7)])],
        {"heaps": 1, "incomplete_heaps_flushed": 1, "packets": 2, "batches": 2, "search_dist": 2},
        settings=reception.Settings(
            update=False,
            config={"allow_out_of_order": True},
            ring={"contiguous_only": False, "incomplete_keep_payload_ranges": True},
        ),
    )  # fmt: skip
    (heap,) = report.heaps
    assert (heap["length"], heap["received"], heap["ranges"]) == (12, 8, [(0, 4), (8, 12)])


def test_a_heap_of_unknown_length() -> None:
    check(
        ["5304030500000004 8000010000000004 8000030000000000 8000040000000002"
         "0010000000000000 6162",
         "5304030500000003 8000010000000004 8000030000000002 8000040000000002 6364"],
        [("Heap", 4, [(0x1000, b"abcd")])],
        {"heaps": 1, "incomplete_heaps_flushed": 1, "packets": 2, "batches": 2, "search_dist": 2},
    )  # fmt: skip


def test_order_of_items() -> None:
    check(
        ["5304030500000009 8000010000000005 8000020000000006 8000030000000000 8000040000000006"
         "0010020000000006 0010010000000004 0010000000000000 8010030000000009 8010040000000003"
         "616263646566"],
        [("Heap", 5, [(0x1000, b"abcd"), (0x1001, b"ef"), (0x1004, 3), (0x1003, 9)])],
        {"heaps": 1, "packets": 1, "batches": 1, "single_packet_heaps": 1},
        settings=reception.Settings(update=False),
    )  # fmt: skip


def test_stop() -> None:
    check([STOP], [], {"packets": 1, "batches": 1, "single_packet_heaps": 1})


def test_start() -> None:
    report = check(
        [STOP[:-1] + "0"],
        [("Heap", 6, [(6, 0)])],
        {"heaps": 1, "packets": 1, "batches": 1, "single_packet_heaps": 1},
    )
    assert report.heaps[0]["controls"] == (True, False)


def test_stop_that_does_not_stop() -> None:
    report = check(
        [STOP, FIRST_HALF, SECOND_HALF],
        [("Heap", 6, [(6, 2)]), ("Heap", 2, [(0x1000, b"abcdefgh")])],
        {"heaps": 2, "packets": 3, "batches": 3, "single_packet_heaps": 1, "search_dist": 2},
        settings=reception.Settings(config={"stop_on_stop_item": False}, update=False),
    )
    assert report.heaps[0]["controls"] == (False, True)


DESCRIPTOR = (
    "53040305000000058000010000000001800002000000005780000300000000008000040000000057"
    "00000500000000005304030500000009800001000000000180000200000000078000030000000000"
    "80000400000000078000140000001234000010000000000000001100000000020000120000000003"
    "00001300000000036e6d6475000010"
)


def test_descriptor_and_values() -> None:
    report = check(
        [DESCRIPTOR,
         "5304030500000005 8000010000000002 8000020000000002 8000030000000000 8000040000000002"
         "0012340000000000 0102",
         "5304030500000005 8000010000000003 8000020000000000 8000030000000000 8000040000000000"
         "8012340000000a0b"],
        [("Heap", 1, []), ("Heap", 2, [(0x1234, b"\1\2")]), ("Heap", 3, [(0x1234, 0xA0B)])],
        {"heaps": 3, "packets": 3, "batches": 3, "single_packet_heaps": 3},
        settings=reception.Settings(),
    )  # fmt: skip
    assert report.heaps[0]["descriptors"] == [(0x1234, b"nm", b"d", [], [("u", 16)], b"")]
    values = [heap["updated"] for heap in report.heaps]
    assert values == [
        {},
        {"nm": (("array", True, "<u2", (), b"\2\1"), 3)},
        {"nm": (("array", True, "<u2", (), b"\x0b\x0a"), 5)},
    ]


def test_text_of_any_length() -> None:
    report = reception.receive([bytes.fromhex(
        "53040305000000068000010000000001800002000000005e8000030000000000800004000000005e"
        "0000050000000000001300000000005b53040305000000098000010000000001800002000000000b"
        "8000030000000000800004000000000b800014000000130000001000000000000000110000000001"
        "000012000000000100001300000000077301000000000063000008616263")], reception.Settings(),
    )  # fmt: skip
    (heap,) = report.heaps
    assert heap["descriptors"] == [(0x1300, b"s", b"", [None], [("c", 8)], b"")]
    assert heap["updated"] == {"s": (("text", "abc"), 3)}


def test_numbers_of_12_bits() -> None:
    report = reception.receive([bytes.fromhex(
        "53040305000000068000010000000001800002000000005e8000030000000000800004000000005e"
        "0000050000000000001301000000005b53040305000000098000010000000001800002000000000b"
        "8000030000000000800004000000000b800014000000130100001000000000000000110000000001"
        "00001200000000010000130000000007700000000000027500000c123456")], reception.Settings(),
    )  # fmt: skip
    (heap,) = report.heaps
    assert heap["updated"] == {"p": (("elements", False, "[291, 1110]"), 3)}


def test_pointer_past_the_end() -> None:
    check(
        ["5304030500000005 8000010000000008 8000020000000004 8000030000000000 8000040000000004"
         "0010000000000005 61626364"],
        [],
        {"heaps": 1, "incomplete_heaps_flushed": 1, "packets": 1, "batches": 1,
         "single_packet_heaps": 1},
        [("WARNING", "dropped incomplete heap 8 (4/4 bytes of payload)")],
    )  # fmt: skip


def test_payload_beyond_the_length() -> None:
    check(
        ["5304030500000005 8000010000000009 8000020000000004 8000030000000002 8000040000000004"
         "0010000000000000 61626364"],
        [],
        {"batches": 1},
        [("INFO", "packet rejected because payload would overflow given heap length")],
    )  # fmt: skip


def test_repeated_pointers() -> None:
    check(
        ["5304030500000007 8000010000000001 8000020000000000 8000030000000000 8000040000000000"
         "8010000000000005 8010000000000005 8010000000000006"],
        [("Heap", 1, [(0x1000, 5), (0x1000, 6)])],
        {"heaps": 1, "packets": 1, "batches": 1, "single_packet_heaps": 1},
        settings=reception.Settings(update=False),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("packets", "how", "stats"),
    [
        ([STOP[:-1] + "0"] * 2, "buffer",
         {"heaps": 2, "packets": 2, "batches": 1, "max_batch": 2, "single_packet_heaps": 2}),
        ([STOP[:-1] + "0"] * 2, "inproc",
         {"heaps": 2, "packets": 2, "batches": 2, "max_batch": 1, "single_packet_heaps": 2}),
        ([STOP[:-1] + "0", STOP], "buffer",
         {"heaps": 1, "packets": 2, "batches": 1, "max_batch": 2, "single_packet_heaps": 2}),
        (["53"], "inproc", {"batches": 1}),
        ([], "buffer", {}),
        (["53"], "buffer", {}),
        ([FIRST_HALF], "inproc", {"heaps": 1, "incomplete_heaps_flushed": 1, "packets": 1,
         "batches": 1, "max_batch": 1, "search_dist": 1}),
    ],
)  # fmt: skip
def test_statistics(packets: list[str], how: str, stats: dict[str, int]) -> None:
    report = reception.receive(
        [bytes.fromhex(packet) for packet in packets], reception.Settings(how, update=False)
    )
    assert {name: value for name, value in report.stats.items() if value} == stats
