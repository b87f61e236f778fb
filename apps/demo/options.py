# SPDX-License-Identifier: Apache-2.0
"""What the demo can be told. Needs nothing but Python: --help works before anything is set up."""

from __future__ import annotations

import argparse
import math
import pathlib
from collections.abc import Callable, Sequence

RECEIVERS = ("own", "reference")
SENDERS = ("gnuradio", "python")
#: A packet has at least this much besides its payload; UDP carries at most that much.
PACKET_SIZES = (64, 65507)


def _whole(least: int, most: int, unit: str) -> Callable[[str], int]:
    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{number} {unit} cannot be; use {least} to {most}")
        return number

    return convert


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
    if not (0 < rate < math.inf):
        raise argparse.ArgumentTypeError(
            f"{text} bytes per second cannot be; use more than 0, as 40e6"
        )
    return rate


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="script/demo",
        description="Send a signal as SPEAD heaps over UDP to a receiver in another process, and "
        "compare. Shows a table and writes a picture; the exit status is 0 if every sample arrived "
        "as it was sent.",
    )
    parser.add_argument(
        "recording", nargs="?", type=pathlib.Path, help="a WAV file (default: a generated signal)"
    )
    parser.add_argument("--rate", type=_rate, default=40e6, help="bytes per second (%(default)g)")
    parser.add_argument(
        "--heap-samples",
        type=_whole(1, 2**27, "samples a heap"),
        default=8192,
        help="samples a heap (%(default)s)",
    )
    parser.add_argument(
        "--packet-size",
        type=_whole(*PACKET_SIZES, "bytes of a packet"),
        default=8972,
        help="bytes (%(default)s)",
    )
    parser.add_argument(
        "--sender",
        choices=SENDERS,
        help="what sends: a GNU Radio flowgraph (default, where there is one) or the Python API",
    )
    parser.add_argument(
        "--receiver",
        choices=RECEIVERS,
        default="own",
        help="who receives: this package, or the reference package (%(default)s)",
    )
    parser.add_argument(
        "--picture",
        type=pathlib.Path,
        default=pathlib.Path("demo.png"),
        help="PNG to write (%(default)s)",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    parse_arguments()
