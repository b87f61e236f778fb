# SPDX-License-Identifier: Apache-2.0
"""What ``spead2 doctor`` looks at, a module a part of the machine. Nothing is changed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

from . import cpu, network, packages, verbs
from .finding import Finding, State

__all__ = ["Finding", "State", "examine"]


def examine(destinations: list[str], packet_size: int, buffer_size: int) -> list[Finding]:
    """Look at everything; a part that fails to be looked at is a finding too."""
    parts: list[tuple[str, Callable[[], Iterable[Finding]]]] = [
        ("packages", packages.look),
        ("socket buffers", lambda: network.look_at_buffers(buffer_size)),
        ("UDP in the kernel", network.look_at_offload),
        ("network interfaces", network.look_at_interfaces),
        ("CPU", cpu.look),
        ("ibverbs", verbs.look),
    ]
    parts += [
        (f"way to {host}", functools.partial(network.look_at_way, host, packet_size))
        for host in destinations
    ]
    found: list[Finding] = []
    for name, look in parts:
        try:
            found += look()
        except OSError as error:
            found.append(Finding(name, State.UNKNOWN, f"could not be looked at: {error}"))
    return found
