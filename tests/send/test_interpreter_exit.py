# SPDX-License-Identifier: Apache-2.0
"""The interpreter ends in good order, whatever streams and threads are still doing."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

PREAMBLE = """
import asyncio, gc, sys, threading
import numpy as np
import spead2, spead2.send, spead2.send.asyncio
from spead2.send import GroupMode, Heap, HeapReference, StreamConfig

def make_heap(size):
    heap = Heap()
    heap.add_item(
        spead2.Item(0x1000, "x", "", (size,), np.uint8, value=np.zeros(size, np.uint8)))
    return heap

pool = spead2.ThreadPool()
slow = StreamConfig(rate=1e6, burst_size=100, max_heaps=100)
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", PREAMBLE + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            """
            stream = spead2.send.BytesStream(pool, slow)
            started = threading.Event()
            def send():
                started.set()
                stream.send_heap(make_heap(100_000_000))
            threading.Thread(target=send, daemon=True).start()
            started.wait()
            """,
            id="daemon thread in send_heap",
        ),
        pytest.param(
            """
            stream = spead2.send.BytesStream(pool, slow)
            def send():
                while True:
                    stream.send_heap(make_heap(100))
            for _ in range(3):
                threading.Thread(target=send, daemon=True).start()
            """,
            id="daemon threads between send_heaps",
        ),
        pytest.param(
            """
            queue = spead2.InprocQueue()
            threading.Thread(target=queue.get_packet, daemon=True).start()
            """,
            id="daemon thread in get_packet",
        ),
        pytest.param(
            """
            stream = spead2.send.asyncio.InprocStream(pool, [spead2.InprocQueue()], slow)
            async def leave():
                stream.async_send_heap(make_heap(200_000))
                stream.async_send_heap(make_heap(100))
            asyncio.run(leave())
            """,
            id="asyncio heaps in flight",
        ),
        pytest.param(
            """
            stream = spead2.send.asyncio.InprocStream(pool, [spead2.InprocQueue()], slow)
            cycle = [stream, pool]
            cycle.append(cycle)
            loop = asyncio.new_event_loop()
            async def leave():
                for _ in range(20):
                    stream.async_send_heap(make_heap(10_000))
            loop.run_until_complete(leave())
            loop.close()
            del loop, stream, pool, cycle
            """,
            id="heaps in flight in a reference cycle",
        ),
        pytest.param(
            """
            streams = [spead2.send.BytesStream(pool) for _ in range(10)]
            for stream in streams:
                stream.send_heap(make_heap(1000))
            sys.modules["keep"] = streams
            del pool
            """,
            id="streams that outlive their pool's name",
        ),
    ],
)
def test_exit_is_quiet(script: str) -> None:
    done = run(script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_log_messages_of_the_last_moment_arrive() -> None:
    done = run(
        """
        import logging
        logging.basicConfig(format="%(name)s %(levelname)s")
        spead2.send.UdpStream(pool, [("127.0.0.1", 9)], buffer_size=2**31)
        """
    )
    assert (done.returncode, done.stderr) == (0, "spead2 WARNING\n")


@pytest.mark.parametrize(
    ("wait", "waiting"),
    [
        ("stream.send_heap(make_heap(100_000_000))", "stream.getvalue()"),
        (
            "stream.send_heaps([HeapReference(make_heap(100_000_000))], GroupMode.SERIAL)",
            "stream.getvalue()",
        ),
        # Nothing tells whether it waits already; interrupted it is in any case.
        ("queue.get_packet()", "True"),
    ],
)
def test_keyboard_interrupt_ends_a_blocking_call(wait: str, waiting: str) -> None:
    done = run(
        f"""
        import os, signal
        stream = spead2.send.BytesStream(pool, slow)
        queue = spead2.InprocQueue()
        blocking = False
        def interrupt():
            while not (blocking and {waiting}):
                pass
            os.kill(os.getpid(), signal.SIGINT)
        thread = threading.Thread(target=interrupt, daemon=True)
        thread.start()
        try:
            blocking = True
            {wait}
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        os._exit(0)  # the heap would take another 100 s
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")


def test_interrupted_heap_is_sent_nevertheless() -> None:
    done = run(
        """
        import signal
        stream = spead2.send.BytesStream(pool, StreamConfig(rate=5e6, burst_size=100))
        def interrupt():
            while not stream.getvalue():
                pass
            signal.raise_signal(signal.SIGINT)
        threading.Thread(target=interrupt).start()
        try:
            stream.send_heap(make_heap(2_000_000))
        except KeyboardInterrupt:
            print(len(stream.getvalue()) < 2_000_000)
        size = stream.send_heap(make_heap(2_000_000))  # waits for the first one
        print(len(stream.getvalue()) == 2 * size)
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\nTrue\n", "")
