# SPDX-License-Identifier: Apache-2.0
"""What mpirun needs to be told where tests run as root, beside others."""

from __future__ import annotations

import os


def environment() -> dict[str, str]:
    """Return the environment for mpirun."""
    return os.environ | {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_mpi_yield_when_idle": "1",  # who waits leaves the processor to others
    }
