# SPDX-License-Identifier: Apache-2.0
"""What is measured of a package, one case a process.

Run by ``benchmarks/run`` and ``benchmarks/draw`` with the interpreter of the environment whose
``spead2`` is meant; uses only what this package and the reference package have in common. Prints
one line of JSON: the ``value`` in operations or bytes per second, and ``cpu``, the processor
seconds (all threads, user and system) per operation or byte; with ``--repetitions`` only the
``amount``, for profilers and for counting instructions.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

import chunking
import numpy as np
import receiving
import scaling  # noqa: F401 its cases
import sending  # noqa: F401 its cases
from measuring import CASES, case, timed

import spead2


@case
def version(_: argparse.Namespace) -> dict[str, Any]:
    """Say what this environment has."""
    return {
        "spead2": spead2.__version__,
        "numpy": np.__version__,
        "python": sys.version.split()[0],
    }


receiving.add_cases(case, timed)
chunking.add_cases(case, timed)


def main() -> None:
    """Run one case."""
    parser = argparse.ArgumentParser(description="Measure one case with this interpreter's spead2.")
    parser.add_argument("case", choices=sorted(CASES))
    parser.add_argument("--seconds", type=float, default=0.3, help="time to measure for")
    parser.add_argument(
        "--repetitions", type=int, help="do it so often instead, without looking at a clock"
    )
    parser.add_argument("--packet-size", type=int, default=1472, help="bytes")
    parser.add_argument("--heap-size", type=int, default=4 << 20, help="bytes of payload")
    parser.add_argument("--count", type=int, default=256, help="heaps in a group or in flight")
    parser.add_argument("--ring", type=int, default=64, help="heaps in a receiver's ring")
    parser.add_argument("--rate", type=float, default=0.0, help="bytes per second")
    parser.add_argument("--priority", type=int, default=0, help="real-time priority of its thread")
    parser.add_argument("--port", type=int, nargs="*", default=[], help="the sinks, on this host")
    args = parser.parse_args()
    print(json.dumps(CASES[args.case](args)), flush=True)
    # Not a measurement of how a package takes leave: the reference can hang there.
    os._exit(0)


if __name__ == "__main__":
    main()
