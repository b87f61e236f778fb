# SPDX-License-Identifier: Apache-2.0
"""The interpreter ends in good order, whatever streams and threads are still doing."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap

import pytest

PREAMBLE = """
import asyncio, gc, logging, signal, sys, threading
import numpy as np
import spead2, spead2.send, spead2.send.asyncio
from spead2.send import GroupMode, Heap, HeapReference, HeapReferenceList, StreamConfig

def make_heap(size):
    heap = Heap()
    heap.add_item(
        spead2.Item(0x1000, "x", "", (size,), np.uint8, value=np.zeros(size, np.uint8)))
    return heap

# Ignored in what a shell runs in the background, and children inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)
pool = spead2.ThreadPool()
slow = StreamConfig(rate=1e6, burst_size=100, max_heaps=100)
"""

#: Whether there are such heaps is a matter of timing in some scripts.
UNSENT = re.compile(
    r"(?m)^spead2: \d+ heaps? (was|were) not sent to .*: the process ended before\n"
)


def run(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script; what it says of heaps that its end left unsent is taken out."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", PREAMBLE + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    done.stderr = UNSENT.sub("", done.stderr)
    return done


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
        import os
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


@pytest.mark.parametrize(
    "call",
    [
        "Heap().add_item(Endless())",
        "Heap().add_descriptor(Undescribed())",
        "group(Endless()).get_heap()",
        "spead2.send.HeapGenerator(EndlessGroup()).get_heap()",
        "EndlessGenerator(None).get_heap()",
        "drop_heap()",
        "stream.send_heap(Heap(), cnt=Number())",
        "stream.send_heap(Heap(), rate=Number())",
        "stream.send_heap(Number())",
        "stream.send_heaps(iter(never, None), GroupMode.SERIAL)",
        "stream.send_heaps([HeapReference(Heap())], Number())",
        "HeapReferenceList(iter(never, None))",
        "HeapReference(Heap(), cnt=Number())",
        "setattr(Heap(), 'repeat_pointers', Truth())",
        "StreamConfig(rate=Number())",
        "StreamConfig(rate_method=Number())",
        "spead2.Flavour(4, 64, Number())",
        "spead2.send.UdpStream(pool, Endpoints())",
        "spead2.send.UdpStream(pool, [('127.0.0.1', Number())])",
        "spead2.send.UdpStream(pool, [(Number(), 1)])",
        "refuse(stream.send_heap)",
        "refuse(asyncio_send)",
        "send_from('create_future')",
        "send_from('call_soon')",
        "send_from('add_reader')",
    ],
)
def test_exit_while_python_code_runs_in_a_call(call: str) -> None:
    """A thread that waits for the GIL below our code is not taken off its stack."""
    done = run(
        f"""
        started = threading.Event()
        def never(*args):
            started.set()
            while True:
                pass
        class Item(spead2.Item):
            def __init__(self):
                super().__init__(0x1000, "x", "", (), "u1", value=1)
        class Endless(Item):
            to_buffer = never
        class Undescribed(Item):
            _numpy_header = never
        class EndlessGroup(spead2.ItemGroup):
            values = never
        class EndlessGenerator(spead2.send.HeapGenerator):
            add_to_heap = never
        class Number:
            __index__ = __float__ = __repr__ = never
        class Truth(int):
            __bool__ = never
        class Endpoints(list):
            __iter__ = never
        class Buffer(bytearray):
            __del__ = never
        class Held(Item):
            def to_buffer(self):
                return Buffer(100)
        def group(item):
            group = spead2.send.ItemGroup()
            group._by_name["x"] = item
            return group
        def drop_heap():
            heap = Heap()
            heap.add_item(Held())
            del heap
        def refuse(send):
            logger = logging.getLogger("spead2")
            logger.handle = never
            send(Heap(), cnt=2**40)
        def asyncio_send(heap, cnt):
            async def send():
                stream = spead2.send.asyncio.InprocStream(pool, [spead2.InprocQueue()], slow)
                await stream.async_send_heap(heap, cnt)
            asyncio.run(send())
        def send_from(method):
            class Loop(asyncio.SelectorEventLoop):
                pass
            loop = Loop()
            async def send():
                stream = spead2.send.asyncio.InprocStream(pool, [spead2.InprocQueue()], slow)
                setattr(Loop, method, never)
                await stream.async_send_heap(make_heap(100_000))
            loop.run_until_complete(send())
        stream = spead2.send.BytesStream(pool)
        threading.Thread(target=lambda: {call}, daemon=True).start()
        assert started.wait(30)
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
