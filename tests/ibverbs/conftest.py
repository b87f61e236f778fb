# SPDX-License-Identifier: Apache-2.0
"""Hands the fixtures of ibverbs_fixtures to pytest; tests import that module by its name."""

from ibverbs_fixtures import (
    capture,
    device,
    network,
    pytest_collection_modifyitems,
    softverbs,
)

__all__ = [
    "capture",
    "device",
    "network",
    "pytest_collection_modifyitems",
    "softverbs",
]
