# SPDX-License-Identifier: Apache-2.0
"""Says where to find what this package does not have."""

raise ImportError(
    "this spead2 package (gr-spead2) only sends; to receive, install the package spead2 in an "
    "environment of its own"
)
