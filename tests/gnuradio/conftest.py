# SPDX-License-Identifier: Apache-2.0
"""Hands the fixtures of gnuradio_fixtures to pytest; tests import that module by its name."""

from gnuradio_fixtures import (
    _receivers,
    _stops_flowgraphs,
    receiver,
)

__all__ = [
    "_receivers",
    "_stops_flowgraphs",
    "receiver",
]
