# SPDX-License-Identifier: Apache-2.0
"""Settings that all tests share."""

from __future__ import annotations

import os

import hypothesis

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
