# SPDX-License-Identifier: Apache-2.0
"""What the tests have run in the sending namespace, on the software device.

Called as ``ibv_sender.py SCENARIO ARGUMENTS``, both the name of a function here and its keyword
arguments as JSON; prints the function's result as one line of JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

import spead2
import spead2.send
import spead2.send.asyncio

ITEM_ID = 0x1600
POOL = spead2.ThreadPool()


def pattern(size: int, index: int) -> npt.NDArray[np.uint8]:
    """Bytes that differ from heap to heap and from place to place."""
    return ((np.arange(size, dtype=np.int64) * 7 + index * 31) % 251).astype(np.uint8)


def make_heap(*arrays: npt.NDArray[np.uint8]) -> spead2.send.Heap:
    heap = spead2.send.Heap()
    for i, array in enumerate(arrays):
        heap.add_item(
            spead2.Item(
                ITEM_ID + i, f"item{i}", "", shape=array.shape, dtype=array.dtype, value=array
            )
        )
    return heap


def make_stream(
    config: dict[str, Any],
    ibv: dict[str, Any],
    kind: Any = spead2.send.UdpIbvStream,
    regions: list[Any] | None = None,
) -> Any:
    endpoints = [tuple(endpoint) for endpoint in ibv.pop("endpoints")]
    if "rate_method" in config:
        config["rate_method"] = getattr(spead2.send.RateMethod, config["rate_method"])
    return kind(
        POOL,
        spead2.send.StreamConfig(**config),
        spead2.send.UdpIbvConfig(endpoints=endpoints, memory_regions=regions or [], **ibv),
    )


def outcome(error: BaseException | None, value: int = 0) -> dict[str, Any]:
    if error is None:
        return {"sent": value}
    return {
        "error": type(error).__name__,
        "errno": getattr(error, "errno", None),
        "text": str(error),
    }


def attempt(function: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    try:
        return outcome(None, function(*args, **kwargs))
    except (OSError, ValueError, RuntimeError) as error:
        return outcome(error)


def construct(config: dict[str, Any], ibv: dict[str, Any], region_size: int = 0) -> dict[str, Any]:
    """Make a stream and say how that went."""
    regions = [np.zeros(region_size, np.uint8)] if region_size else []
    return attempt(lambda: make_stream(config, ibv, regions=regions).num_substreams)


def send(
    config: dict[str, Any],
    ibv: dict[str, Any],
    sizes: list[list[int]],
    regions: list[list[int]] | None = None,
    substreams: list[int] | None = None,
) -> list[dict[str, Any]]:
    """Send heaps one by one.

    Parameters
    ----------
    sizes
        for each heap the sizes of its items, in bytes
    regions
        memory regions as [start, stop) of one array in which the items of every heap lie
    substreams
        substream of each heap; default: the first
    """
    memory = np.empty(max(sum(items) for items in sizes), np.uint8)
    stream = make_stream(config, ibv, regions=[memory[a:b] for a, b in regions or []])
    results = []
    for index, items in enumerate(sizes):
        memory[: sum(items)] = pattern(sum(items), index)
        stops = np.cumsum(items)
        arrays = [memory[stop - size : stop] for size, stop in zip(items, stops)]
        results.append(
            attempt(
                stream.send_heap,
                make_heap(*arrays),
                cnt=index + 1,
                substream_index=substreams[index] if substreams else 0,
            )
        )
    return results


def send_asynchronously(
    config: dict[str, Any], ibv: dict[str, Any], heaps: int, size: int
) -> dict[str, Any]:
    """Queue heaps from a coroutine and wait for all of them."""

    async def run() -> dict[str, Any]:
        stream = make_stream(config, ibv, spead2.send.asyncio.UdpIbvStream)
        futures = [
            stream.async_send_heap(make_heap(pattern(size, i)), cnt=i + 1) for i in range(heaps)
        ]
        done = await asyncio.gather(*futures, return_exceptions=True)
        await stream.async_flush()
        results = [outcome(d) if isinstance(d, BaseException) else outcome(None, d) for d in done]
        return {"results": results, "fd": stream.fd}

    return asyncio.run(run())


def send_interleaved(
    config: dict[str, Any], ibv: dict[str, Any], heaps: int, size: int
) -> dict[str, Any]:
    """Send a group of heaps in turns, each to a substream of its own."""
    stream = make_stream(config, ibv)
    references = [
        spead2.send.HeapReference(make_heap(pattern(size, i)), cnt=i + 1, substream_index=i)
        for i in range(heaps)
    ]
    return attempt(stream.send_heaps, references, spead2.send.GroupMode.ROUND_ROBIN)


def change_after_queueing(
    config: dict[str, Any], ibv: dict[str, Any], size: int, in_region: bool
) -> dict[str, Any]:
    """Change the payload when the packets have been queued and the device has not read them."""
    hold = os.environ["SOFTVERBS_HOLD"]
    log = os.environ["SOFTVERBS_LOG"]
    data = pattern(size, 0)

    async def run() -> dict[str, Any]:
        stream = make_stream(
            config, ibv, spead2.send.asyncio.UdpIbvStream, regions=[data] if in_region else []
        )
        with open(hold, "w"):
            pass
        future = stream.async_send_heap(make_heap(data), cnt=1)
        while "held" not in read_text(log):
            await asyncio.sleep(0.001)
        data[:] = pattern(size, 1)
        os.unlink(hold)
        return outcome(None, await future)

    return asyncio.run(run())


def destroy_while_busy(
    config: dict[str, Any], ibv: dict[str, Any], heaps: int, size: int
) -> dict[str, Any]:
    """Let a stream go whose device has come to a halt."""
    with open(os.environ["SOFTVERBS_HOLD"], "w"):
        pass

    async def run() -> dict[str, Any]:
        stream = make_stream(config, ibv, spead2.send.asyncio.UdpIbvStream)
        futures = [
            stream.async_send_heap(make_heap(pattern(size, i)), cnt=i + 1) for i in range(heaps)
        ]
        start = time.monotonic()
        del stream
        done = await asyncio.gather(*futures, return_exceptions=True)
        return {
            "results": [
                outcome(d) if isinstance(d, BaseException) else outcome(None, d) for d in done
            ],
            "seconds": time.monotonic() - start,
        }

    return asyncio.run(run())


def release_while_busy(
    config: dict[str, Any], ibv: dict[str, Any], heaps: int, size: int, order: list[str]
) -> dict[str, Any]:
    """Let go of what a stream is made from, and of the stream, in some order while it sends."""
    hold = os.environ["SOFTVERBS_HOLD"]

    async def run() -> tuple[list[Any], bool, threading.Event]:
        kept: dict[str, Any] = {
            "thread_pool": spead2.ThreadPool(),
            "config": spead2.send.StreamConfig(**config),
            "memory": pattern(size, 0),
        }
        kept["udp_ibv_config"] = spead2.send.UdpIbvConfig(
            **{**ibv, "endpoints": [tuple(endpoint) for endpoint in ibv["endpoints"]]},
            memory_regions=[kept["memory"]],
        )
        with open(hold, "w"):
            pass
        stream = spead2.send.asyncio.UdpIbvStream(
            kept["thread_pool"], kept["config"], kept["udp_ibv_config"]
        )
        futures = [
            stream.async_send_heap(make_heap(kept["memory"]), cnt=i + 1) for i in range(heaps)
        ]
        released = threading.Event()
        weakref.finalize(kept["memory"], released.set)
        kept["stream"] = stream
        del stream
        for name in order[:-1]:
            del kept[name]
            gc.collect()
        in_use = not released.is_set()
        os.unlink(hold)
        del kept[order[-1]]
        done = await asyncio.gather(*futures, return_exceptions=True)
        return [d if isinstance(d, int) else str(d) for d in done], in_use, released

    sent, in_use, released = asyncio.run(run())
    gc.collect()
    # The stream's thread may be the last that uses it.
    return {"sent": sent, "in_use": in_use, "released": released.wait(20)}


def cancel_while_busy(
    config: dict[str, Any], ibv: dict[str, Any], heaps: int, size: int
) -> dict[str, Any]:
    """Cancel every other heap and a flush while the device has come to a halt."""
    hold = os.environ["SOFTVERBS_HOLD"]

    async def run() -> dict[str, Any]:
        with open(hold, "w"):
            pass
        stream = make_stream(config, ibv, spead2.send.asyncio.UdpIbvStream)
        futures = [
            stream.async_send_heap(make_heap(pattern(size, i)), cnt=i + 1) for i in range(heaps)
        ]
        flush = asyncio.ensure_future(stream.async_flush())
        while "held" not in read_text(os.environ["SOFTVERBS_LOG"]):
            await asyncio.sleep(0.001)
        for future in [*futures[::2], flush]:
            future.cancel()
        os.unlink(hold)
        await stream.async_flush()
        return {
            "cancelled": [future.cancelled() for future in futures],
            "sent": [future.result() for future in futures[1::2]],
            "flush": flush.cancelled(),
        }

    return asyncio.run(run())


def interrupt_while_busy(config: dict[str, Any], ibv: dict[str, Any], size: int) -> dict[str, Any]:
    """Interrupt a send whose packets the device does not take; send another when it does."""
    hold = os.environ["SOFTVERBS_HOLD"]

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with open(hold, "w"):
        pass
    stream = make_stream(config, ibv)
    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        stream.send_heap(make_heap(pattern(size, 0)), cnt=1)
        interrupted = False
    except KeyboardInterrupt:
        interrupted = True
    os.unlink(hold)
    return {
        "interrupted": interrupted,
        **attempt(stream.send_heap, make_heap(pattern(size, 1)), cnt=2),
    }


def bind_all_ports(config: dict[str, Any], ibv: dict[str, Any]) -> list[int]:
    """Say which UDP ports of the interface cannot be had while a stream exists."""
    stream = make_stream(config, ibv)
    stream.send_heap(make_heap(pattern(100, 0)))
    taken = []
    for port in range(1024, 65536):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            try:
                sock.bind((ibv["interface_address"], port))
            except OSError:
                taken.append(port)
    return taken


def read_text(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return ""


def mapped_libraries() -> list[str]:
    """Say which verbs libraries importing the package has brought in."""
    return sorted(
        {
            os.path.basename(line.split()[-1])
            for line in read_text("/proc/self/maps").splitlines()
            if "ibverbs" in line or "rdmacm" in line
        }
    )


def main() -> None:
    # Log records go to standard error, where the tests look for them.
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    scenario, arguments = sys.argv[1:]
    print(json.dumps(globals()[scenario](**json.loads(arguments))))


if __name__ == "__main__":
    main()
