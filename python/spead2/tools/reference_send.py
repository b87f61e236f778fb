# SPDX-License-Identifier: Apache-2.0
"""The command spead2_send.py: sends test heaps; options and output are the reference package's.

argparse, since scripts may abbreviate options, as they can with the reference.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import logging
import time
from typing import Any

import numpy as np

import spead2
import spead2.send
import spead2.send.asyncio

from .reference_options import (
    add_log_option,
    add_machine_options,
    add_pacing_options,
    add_protocol_options,
    endpoint,
)

FIRST_ITEM_ID = 0x1000


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="spead2_send.py", description="Send test heaps.")
    parser.add_argument("destination", nargs="+", metavar="HOST:PORT", type=endpoint)
    data = parser.add_argument_group("Data options")
    data.add_argument(
        "--heap-size",
        metavar="BYTES",
        type=int,
        default=4194304,
        help="Payload size for heap [%(default)s]",
    )
    data.add_argument("--items", type=int, default=1, help="Number of items per heap [%(default)s]")
    data.add_argument("--dtype", default="<c8", help="Numpy data type [%(default)s]")
    data.add_argument("--heaps", type=int, help="Number of data heaps to send [infinite]")
    output = parser.add_argument_group("Output options")
    add_log_option(output.add_argument)
    group = parser.add_argument_group("Protocol and performance options")
    add = group.add_argument
    add_protocol_options(add)
    add("--addr-bits", type=int, default=40, help="Heap address bits [%(default)s]")
    add("--packet", type=int, default=1472, help="Maximum packet size to send [%(default)s]")
    add_pacing_options(add)
    add(
        "--rate", metavar="Gb/s", type=float, default=0.0, help="Transmission rate bound [no limit]"
    )
    add("--ttl", type=int, help="TTL for multicast target")
    add("--buffer", type=int, help="Socket buffer size")
    add("--bind", default="", help="Interface address")
    add_machine_options(add)
    add("--descriptors", type=int, help="Description issue frequency [only at start]")
    return parser


def make_groups(options: argparse.Namespace) -> list[spead2.send.ItemGroup]:
    """Return an item group a destination, with values whose bytes add up to the heap size."""
    dtype = np.dtype(options.dtype)
    elements = options.heap_size // (options.items * dtype.itemsize)
    bug_compat = spead2.BUG_COMPAT_PYSPEAD_0_5_2 if options.pyspead else 0
    flavour = spead2.Flavour(4, 64, options.addr_bits, bug_compat)
    groups = []
    for _ in options.destination:
        group = spead2.send.ItemGroup(options.descriptors, flavour)
        for index in range(options.items):
            group.add_item(
                FIRST_ITEM_ID + index,
                f"Test item {index}",
                "A test item with arbitrary value",
                shape=(elements,),
                dtype=dtype,
                value=np.zeros(elements, dtype),
            )
        groups.append(group)
    return groups


async def make_stream(options: argparse.Namespace) -> Any:
    """Return the stream that the options describe."""
    pool = spead2.ThreadPool(options.threads, options.affinity or [])
    config = spead2.send.StreamConfig(
        max_packet_size=options.packet,
        rate=options.rate * 1e9 / 8,
        burst_size=options.burst,
        burst_rate_ratio=options.burst_rate_ratio,
        max_heaps=max(options.max_heaps, len(options.destination)),
        rate_method=getattr(spead2.send.RateMethod, options.rate_method),
    )
    asyncio_send = spead2.send.asyncio
    more: dict[str, Any] = {}
    if options.buffer is not None:
        more["buffer_size"] = options.buffer
    if options.ibv:
        ibv_config = spead2.send.UdpIbvConfig(
            endpoints=options.destination,
            interface_address=options.bind,
            ttl=1 if options.ttl is None else options.ttl,
            comp_vector=options.ibv_vector,
            max_poll=options.ibv_max_poll,
            **more,
        )
        return asyncio_send.UdpIbvStream(pool, config, ibv_config)
    if options.bind:
        more["interface_address"] = options.bind
    if options.tcp:
        return await asyncio_send.TcpStream.connect(pool, options.destination, config, **more)
    if options.ttl is not None:
        more["ttl"] = options.ttl
    return asyncio_send.UdpStream(pool, options.destination, config, **more)


async def send(options: argparse.Namespace) -> None:
    """Send the heaps, as many at a time as the queue holds, and say how fast it went."""
    groups = make_groups(options)
    stream = await make_stream(options)
    count = len(groups)
    # Each destination's cnts go up by one, as if it were alone.
    limit = max(options.max_heaps, count)
    pending: list[asyncio.Future[int]] = []
    total = 0
    start = time.monotonic()

    async def submit(heap: spead2.send.Heap, substream: int) -> None:
        nonlocal total
        if len(pending) >= limit:
            total += await pending.pop(0)
        pending.append(stream.async_send_heap(heap, substream_index=substream))

    numbers = itertools.count() if options.heaps is None else range(options.heaps)
    try:
        for number in numbers:
            group = groups[number % count]
            # Values are sent again although they have not changed; descriptors when they are due.
            await submit(group.get_heap(data="all"), number % count)
        for index, group in enumerate(groups):
            await submit(group.get_end(), index)
        for future in pending:
            total += await future
    finally:
        elapsed = time.monotonic() - start
        print(f"Sent {total} bytes in {elapsed:.6f}s, {total * 8e-9 / elapsed:.6f} Gb/s")


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.ibv and not options.bind:
        parser.error("--ibv requires --bind")
    if options.tcp and options.ibv:
        parser.error("--ibv and --tcp are incompatible")
    if options.tcp and len(options.destination) > 1:
        parser.error("only one destination is supported with --tcp")
    if options.ttl is not None and options.tcp:
        parser.error("--ttl is incompatible with --tcp")
    logging.basicConfig(level=options.log.upper())
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(send(options))
    return 0
