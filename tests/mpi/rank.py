# SPDX-License-Identifier: Apache-2.0
"""One rank: sends its parts of heaps from its own namespace. Started by mpirun.

Its argument is a file with the cases as JSON; what it saw of each goes to a file beside it.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import pathlib
import signal
import sys
import time
from typing import Any

import collective
import numpy as np
from mpi4py import MPI

import spead2
import spead2.send as send
import spead2.send.asyncio
import spead2.send.mpi as mpi

CLONE_NEWNET = 0x40000000


def enter(namespace: str) -> None:
    """Have the sockets that this thread makes from now on in a namespace."""
    with open(f"/run/netns/{namespace}") as there:
        if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def make_group(comm: MPI.Comm, pointers: Any) -> mpi.ItemGroup:
    group = mpi.ItemGroup(comm, pointers=pointers, descriptor_frequency=3)
    group.add_item(0x1000, "timestamp", "First sample", (), format=[("u", 48)])
    group.add_item(0x1001, "note", "Of any length", (None,), format=[("u", 16)])
    rows = (collective.ROWS, collective.COLUMNS)
    group.add_item(0x1002, "samples", "Split by rows", rows, np.int8, split=0)
    group.add_item(0x1003, "wide", "Split in the middle", collective.WIDE, ">u4", split=1)
    last = comm.Get_size() - 1
    shape = (collective.OWNER_BYTES,)
    group.add_item(0x1004, "owned", "Of the last rank", shape, np.uint8, owner=last)
    return group


def set_values(group: mpi.ItemGroup, heap: int) -> None:
    values = collective.expected(heap)
    group["timestamp"].value = values["timestamp"]
    group["note"].value = values["note"]
    first, last = mpi.share_of_axis(collective.ROWS, group.rank, group.size)
    group["samples"].value = values["samples"][first:last]
    first, last = mpi.share_of_axis(collective.WIDE[1], group.rank, group.size)
    group["wide"].value = values["wide"][:, first:last]
    if group.rank == group.size - 1:
        group["owned"].value = values["owned"]


def make_stream(settings: dict[str, Any], package: Any, **config: Any) -> Any:
    """Make a stream of a package to the receiver."""
    stream_config = send.StreamConfig(max_packet_size=settings["packet_size"], **config)
    endpoints = [(settings["address"], settings["port"])]
    if not settings.get("ibverbs"):
        return package.UdpStream(spead2.ThreadPool(), endpoints, stream_config)
    ibv_config = send.UdpIbvConfig(endpoints=endpoints, interface_address=settings["interface"])
    return package.UdpIbvStream(spead2.ThreadPool(), stream_config, ibv_config)


def run(settings: dict[str, Any], comm: MPI.Comm) -> dict[str, Any]:
    stream = make_stream(settings, send, max_heaps=64)
    group = make_group(comm, settings["pointers"])
    sent = 0
    with mpi.CollectiveStream(comm, stream, rate=settings["rate"]) as collective_stream:
        sent += collective_stream.send_heap(group.get_start())
        agreed = collective_stream.start(delay=0.01, stagger=1e-4)
        late = time.clock_gettime(time.CLOCK_TAI) - agreed
        for heap in range(settings["heaps"]):
            set_values(group, heap)
            sent += collective_stream.send_heap(group.get_heap())
        sent += collective_stream.send_heap(group.get_end())
    return {"sent": sent, "agreed": agreed, "late": late}


async def run_asyncio(settings: dict[str, Any], comm: MPI.Comm) -> dict[str, Any]:
    stream = make_stream(settings, spead2.send.asyncio, max_heaps=64)
    group = make_group(comm, settings["pointers"])
    collective_stream = mpi.AsyncCollectiveStream(comm, stream, rate=settings["rate"])
    futures = [collective_stream.async_send_heap(group.get_start())]
    for heap in range(settings["heaps"]):
        set_values(group, heap)
        futures.append(collective_stream.async_send_heap(group.get_heap()))
    await collective_stream.async_flush()
    assert all(future.done() for future in futures)
    sent = sum([await future for future in futures])
    sent += await collective_stream.async_send_heap(group.get_end())
    await collective_stream.async_close()
    return {"sent": sent}


def run_independent(settings: dict[str, Any], comm: MPI.Comm) -> dict[str, Any]:
    """Whole heaps of each rank."""
    stream = make_stream(settings, send)
    one = make_group(mpi.Place(0, 1), "first")  # type: ignore[arg-type]
    collective_stream = mpi.CollectiveStream(comm, stream, independent=True)
    for heap in range(settings["heaps"]):
        set_values(one, heap * comm.size + comm.rank)
        whole = one.get_heap(descriptors="all").heap
        assert whole is not None
        collective_stream.send_heap(whole)
    collective_stream.flush()
    if comm.rank == 0:
        stream.send_heap(send.ItemGroup().get_end(), cnt=settings["heaps"] * comm.size)
    collective_stream.close()
    return {}


def run_and_die(settings: dict[str, Any], comm: MPI.Comm) -> dict[str, Any]:
    """One rank is killed by a signal while it sends its part of a heap, slowly."""
    stream = make_stream(settings, send, burst_size=4096)
    group = make_group(comm, settings["pointers"])
    victim = comm.rank == settings["victim"]
    policy: Any = settings["on_failure"]
    s = mpi.CollectiveStream(comm, stream, timeout=settings["timeout"], on_failure=policy)
    for heap in range(settings["heaps"]):
        set_values(group, heap)
        if victim and heap == settings["dies_in"]:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            part = group.get_heap().heap
            assert part is not None
            stream.send_heap(part, heap + 1, 0, 25_000)  # takes seconds
        s.send_heap(group.get_heap())
    error = ()
    try:
        s.flush()
    except mpi.RankFailedError as failed:
        error = failed.ranks
    if policy == "go on":
        s.send_heap(group.get_end())
        s.close()
    elif comm.rank == min({0, 1} - {settings["victim"]}):
        stream.send_heap(send.ItemGroup().get_end(), cnt=1000)
    return {"gone": s.gone, "error": error}


def run_case(settings: dict[str, Any], comm: MPI.Comm) -> dict[str, Any]:
    """Do what a case says; return what this rank saw."""
    if settings["kind"] == "asyncio":
        return asyncio.run(run_asyncio(settings, comm))
    kinds = {"blocking": run, "independent": run_independent, "die": run_and_die}
    return kinds[settings["kind"]](settings, comm)


def main() -> None:
    """Run all cases from the rank's own namespace."""
    comm = MPI.COMM_WORLD
    path = pathlib.Path(sys.argv[1])
    settings = json.loads(path.read_text())
    enter(settings["namespaces"][comm.rank])
    interface = {"interface": settings["interfaces"][comm.rank]}
    results = [run_case({**case, **interface}, comm) for case in settings["cases"]]
    path.with_name(f"rank-{comm.rank}.json").write_text(json.dumps(results))
    if settings["cases"][-1]["kind"] == "die":
        os._exit(0)  # MPI_Finalize() waits for all ranks, and one is gone


if __name__ == "__main__":
    main()
