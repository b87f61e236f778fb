# SPDX-License-Identifier: Apache-2.0
"""Kernel bypass: libraries, device, capability, memory. Few have it, so none is no fault."""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Iterator

from .finding import Finding, State, read_text

_CAP_NET_RAW = 13
#: Locked memory that a stream with its default buffers needs, with room for memory regions.
_ENOUGH = 64 << 20


def _capable() -> bool:
    for line in (read_text("/proc/self/status") or "").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> _CAP_NET_RAW & 1)
    return False


def look() -> Iterator[Finding]:
    """Look at what UdpIbvStream and an ibverbs reader need."""
    missing = []
    for name in ("libibverbs.so.1", "librdmacm.so.1"):
        try:
            ctypes.CDLL(name)
        except OSError:
            missing.append(name)
    devices = sorted(os.listdir("/sys/class/infiniband")) if _has_class() else []
    if missing:
        yield Finding(
            "ibverbs libraries",
            State.FAULT if devices else State.NOTE,
            f"{' and '.join(missing)} not found: no kernel bypass",
            "apt install libibverbs1 librdmacm1 ibverbs-providers",
        )
    else:
        yield Finding("ibverbs libraries", State.GOOD, "there")
    if not devices:
        yield Finding("ibverbs device", State.NOTE, "none: no kernel bypass on this machine")
        return
    yield Finding("ibverbs device", State.GOOD, ", ".join(devices))
    if _capable():
        yield Finding("CAP_NET_RAW", State.GOOD, "this process has it")
    else:
        yield Finding(
            "CAP_NET_RAW",
            State.FAULT,
            "missing: ibverbs cannot send or receive raw packets",
            "setcap cap_net_raw+ep on a copy of the interpreter",
        )
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft == resource.RLIM_INFINITY or soft >= _ENOUGH:
        yield Finding("locked memory", State.GOOD, "enough")
    else:
        yield Finding(
            "locked memory",
            State.FAULT,
            f"limit {soft} bytes: buffers for ibverbs cannot be registered",
            "ulimit -l unlimited (for good: memlock in /etc/security/limits.conf)",
        )


def _has_class() -> bool:
    return os.path.isdir("/sys/class/infiniband")
