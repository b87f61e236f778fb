# SPDX-License-Identifier: Apache-2.0
"""Settings that all tests share."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import hypothesis
import pytest
from namespaces import Link

# Speed differs widely between machines; a test's own limit is pytest's timeout. The same examples
# each time, so that a failure is one that everybody sees. SPEAD2_EXAMPLES=20 asks for
# others each time and, in strategies.examples(), for 20 times as many.
hypothesis.settings.register_profile(
    "project",
    deadline=None,
    derandomize="SPEAD2_EXAMPLES" not in os.environ,
    print_blob=True,
    database=None,
    max_examples=100,
    phases=[phase for phase in hypothesis.Phase if phase is not hypothesis.Phase.explain],  # slow
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large],
)
hypothesis.settings.load_profile("project")


class TimeLimit:
    """Stops starting tests when the time that script/check gives them is up, and says which."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._left: dict[str, int] = {}

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if time.monotonic() > self._end:
            file = item.nodeid.partition("::")[0]
            self._left[file] = self._left.get(file, 0) + 1
            pytest.skip("the time is up")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._left:
            terminalreporter.section("left to script/test, since the time is up")
            for file, count in self._left.items():
                terminalreporter.line(f"{file}: {count} tests")


def pytest_configure(config: pytest.Config) -> None:
    seconds = os.environ.get("SPEAD2_TEST_SECONDS")
    if seconds:
        config.pluginmanager.register(TimeLimit(float(seconds)))


@pytest.fixture
def link() -> Iterator[Link]:
    """Give two network namespaces with a cable between them, or skip where there can be none."""
    reason = Link.unavailable()
    if reason is not None:
        pytest.skip(reason)
    with Link() as made:
        yield made
