# SPDX-License-Identifier: Apache-2.0
"""The time that all ranks agree on."""

from __future__ import annotations

import time


def wait_until(moment: float) -> None:
    """Sleep until a time of ``CLOCK_TAI``, in seconds; the last 100 microseconds awake."""
    while (left := moment - time.clock_gettime(time.CLOCK_TAI)) > 0.0:
        if left > 2e-4:
            time.sleep(left - 1e-4)
