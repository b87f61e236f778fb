# SPDX-License-Identifier: Apache-2.0
"""A stream over a network that loses, doubles and shuffles, for a few seconds.

For longer: ``tests/faults/lossy_network.py --seconds 600``.
"""

from __future__ import annotations

import shutil

import lossy_network
import pytest
from namespaces import Link


def test_what_a_bad_network_leaves_is_right_and_counted() -> None:
    reason = Link.unavailable()
    if reason is None and shutil.which("nft") is None:
        reason = "there is no program nft (Debian package nftables)"
    if reason is not None:
        pytest.skip(reason)
    outcome = lossy_network.run(seconds=4.0, rate=20e6)
    assert outcome.faults() == []
    assert outcome.stats["incomplete_heaps_evicted"] > 0
    # Of eight packets each, four in five come: a sixth of the heaps is whole, and some more.
    assert 0.1 < outcome.whole / outcome.heaps_sent < 0.4
