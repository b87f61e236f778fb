# SPDX-License-Identifier: Apache-2.0
"""Makes what tests share (tests/decoder.py, tests/transports/namespaces.py) importable."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "transports"), str(Path(__file__).parent)]
