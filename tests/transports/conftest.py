# SPDX-License-Identifier: Apache-2.0
"""What the tests of the transports share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from namespaces import Link


@pytest.fixture
def link() -> Iterator[Link]:
    """Give two network namespaces with a cable between them, or skip where there can be none."""
    reason = Link.unavailable()
    if reason is not None:
        pytest.skip(reason)
    with Link() as made:
        yield made
