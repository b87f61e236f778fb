# SPDX-License-Identifier: Apache-2.0
"""What the tests have run in the first namespace, receiving on the software device.

Called as ``ibv_receiver.py ARGUMENTS``, JSON. Prints "ready" when packets may come; from a line of
standard input on it takes heaps, or chunks (``"chunks"``: settings of chunk_reception), each a line
of JSON; in the end a line with what else there is to say. Only uses what the reference package has,
too.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import pathlib
import sys
from typing import Any

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

import chunk_reception
import reception

import spead2
import spead2.recv as recv
import spead2.recv.asyncio


def told(heap: Any) -> list[Any]:
    """Return what is reported of a heap."""
    return [
        heap.cnt,
        {
            item.id: hashlib.sha256(bytes(item)).hexdigest()
            for item in heap.get_items()
            if not item.is_immediate
        },
    ]


def told_of_chunk(chunk: Any) -> list[Any]:
    """Return what is reported of a chunk."""
    data = hashlib.sha256(bytes(chunk.data)).hexdigest()
    return [chunk.chunk_id, data, chunk.present.tolist()]


def make_stream(arguments: dict[str, Any]) -> Any:
    """Make the stream that is asked for."""
    if "chunks" in arguments:
        return chunk_reception.make_stream(chunk_reception.Settings(**arguments["chunks"]))
    asynchronous = arguments.get("kind") == "asyncio"
    return (spead2.recv.asyncio.Stream if asynchronous else recv.Stream)(
        spead2.ThreadPool(),
        recv.StreamConfig(**arguments.get("config", {})),
        recv.RingStreamConfig(**arguments.get("ring", {"heaps": 1000})),
    )


def say(what: Any) -> None:
    print(json.dumps(what), flush=True)


async def take_all(stream: Any) -> None:
    async for heap in stream:
        say(told(heap))


def main() -> None:
    arguments: dict[str, Any] = json.loads(sys.argv[1])
    with reception.collected_log() as log:
        result = receive(arguments)
        log.finish()
        if "error" not in result:
            result["log"] = [text for _, text in log.lines]
        say(result)


def receive(arguments: dict[str, Any]) -> dict[str, Any]:
    """Say what comes; return what else there is to say."""
    ibv = arguments["ibv"]
    ibv["endpoints"] = [tuple(endpoint) for endpoint in ibv["endpoints"]]
    stream = make_stream(arguments)
    try:
        if "udp" in arguments:
            stream.add_udp_reader(*arguments["udp"])
        else:
            stream.add_udp_ibv_reader(recv.UdpIbvConfig(**ibv))
        if arguments.get("config", {}).get("explicit_start"):
            stream.start()
    except (ValueError, RuntimeError, OSError) as error:
        return {"error": type(error).__name__, "text": str(error)}
    print("ready", flush=True)
    sys.stdin.readline()
    if arguments.get("kind") == "asyncio":
        asyncio.run(take_all(stream))
    elif "chunks" in arguments:
        for chunk in stream.data_ringbuffer:
            say(told_of_chunk(chunk))
    else:
        for heap in stream:
            say(told(heap))
    stats = {name: stream.stats[name] for name in stream.stats}
    stream.stop()
    return {"stats": stats, "reason": getattr(stream, "stop_reason", "")}


if __name__ == "__main__":
    main()
