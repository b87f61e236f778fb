# SPDX-License-Identifier: Apache-2.0
"""The options that commands of the reference package share, for argparse: each stands here once."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import spead2

from .endpoints import parse_endpoint

Add = Callable[..., Any]  #: add_argument() of a parser or a group

#: How many heaps a receiver holds: names, defaults and texts.
RECEIVED_HEAPS = (
    ("concurrent-heaps", 4, "Maximum number of in-flight heaps per substream"),
    ("substreams", 1, "Number of parallel substreams"),
    ("ring-heaps", 4, "Ring buffer capacity in heaps"),
)


def endpoint(text: str) -> tuple[str, int]:
    """Parse an endpoint for argparse."""
    try:
        return parse_endpoint(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_log_option(add: Add) -> None:
    """Add the option that says how much is logged."""
    add("--log", metavar="LEVEL", default="INFO", help="Log level [%(default)s]")


def add_protocol_options(add: Add) -> None:
    """Add the options that both ends must agree on."""
    add("--tcp", action="store_true", help="Use TCP instead of UDP")
    add("--pyspead", action="store_true", help="Be bug-compatible with PySPEAD")


def add_pacing_options(add: Add) -> None:
    """Add the options that say how packets are spaced, but for the rate."""
    add("--burst", metavar="BYTES", type=int, default=65536, help="Burst size [%(default)s]")
    add(
        "--burst-rate-ratio",
        metavar="RATIO",
        type=float,
        default=1.05,
        help="Hard rate limit, relative to --rate [%(default)s]",
    )
    add(
        "--max-heaps",
        metavar="HEAPS",
        type=int,
        default=4,
        help="Maximum heaps in flight [%(default)s]",
    )
    add(
        "--rate-method",
        metavar="METHOD",
        type=str.upper,
        choices=["SW", "HW", "AUTO"],
        default="AUTO",
        help="Method for rate limiting (SW/HW/AUTO)",
    )


def add_ibv_options(add: Add, end: str = "") -> None:
    """Add the options of ibverbs; those for one end of two have its name before theirs."""
    add(f"--{end}ibv", action="store_true", help="Use ibverbs [no]")
    add(
        f"--{end}ibv-vector",
        metavar="N",
        type=int,
        default=0,
        help="Completion vector, or -1 to use polling [%(default)s]",
    )
    add(
        f"--{end}ibv-max-poll",
        type=int,
        default=10,
        help="Maximum number of times to poll in a row [%(default)s]",
    )


def add_machine_options(add: Add) -> None:
    """Add the options of ibverbs and of worker threads."""
    add_ibv_options(add)
    add(
        "--affinity",
        type=spead2.parse_range_list,
        help="List of CPUs to pin threads to [no affinity]",
    )
    add("--threads", type=int, default=1, help="Number of worker threads [%(default)s]")
