# SPDX-License-Identifier: Apache-2.0
"""What the tests of sinks send, and how they make a sink."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gnuradio import spead2 as sinks
from gnuradio_fixtures import Reception

Receive = Callable[..., Reception]


def tcp_sink(rx: Reception, items: Any, **options: Any) -> sinks.HeapSink:
    return sinks.tcp_heap_sink(rx.endpoint, items, **options)


def complex_ramp(n: int) -> np.ndarray:
    return (np.arange(n) - 1j * np.arange(n)[::-1]).astype(np.complex64)


SAMPLES = sinks.item(0x1000, "samples", "of the test", "complex64")
