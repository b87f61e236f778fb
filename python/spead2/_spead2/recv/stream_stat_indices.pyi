# SPDX-License-Identifier: Apache-2.0
"""Numbers of the statistics that every stream has."""

from typing import Final

HEAPS: Final[int]
INCOMPLETE_HEAPS_EVICTED: Final[int]
INCOMPLETE_HEAPS_FLUSHED: Final[int]
PACKETS: Final[int]
BATCHES: Final[int]
MAX_BATCH: Final[int]
SINGLE_PACKET_HEAPS: Final[int]
SEARCH_DIST: Final[int]
WORKER_BLOCKED: Final[int]
