# SPDX-License-Identifier: Apache-2.0
"""How receiving streams end: with the interpreter, by signals, with their pool."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap

import packets
import pytest
from queue_source import Source, one

import spead2
import spead2.recv as recv

SCRIPT = """
import os, signal, sys, threading
sys.path.insert(0, {tests!r})
import packets, spead2, spead2.recv as recv
def one(cnt): return packets.whole(cnt, (0x20, b"payload")).encode()
def half(cnt): return packets.cut(packets.whole(cnt, (0x20, b"payload")), 3)[0].encode()
signal.signal(signal.SIGINT, signal.default_int_handler)
pool = spead2.ThreadPool()
queue = spead2.InprocQueue()
stream = recv.Stream(pool, ring_config=recv.RingStreamConfig(heaps=1))
stream.add_inproc_reader(queue)
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    tests = packets.__file__.rpartition("/")[0]
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", SCRIPT.format(tests=tests) + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("", id="nothing came"),
        pytest.param("queue.add_packet(half(1))", id="half a heap"),
        pytest.param("for i in range(9): queue.add_packet(one(i))", id="full ring"),
        pytest.param(
            """
            started = threading.Event()
            def wait():
                started.set()
                stream.get()
            threading.Thread(target=wait, daemon=True).start()
            started.wait()
            """,
            id="daemon thread in get",
        ),
        pytest.param(
            """
            def wait():
                for heap in stream:
                    heap.get_items()
            threading.Thread(target=wait, daemon=True).start()
            for i in range(1000): queue.add_packet(one(i))
            """,
            id="daemon thread that takes heaps",
        ),
        pytest.param("pool.stop(); queue.add_packet(one(1))", id="stopped pool"),
        pytest.param("del pool; del stream; queue.add_packet(one(1))", id="pool first"),
        pytest.param(
            """
            queue.add_packet(one(1))
            heap = stream.get()
            sys.modules["kept"] = heap.get_items()
            """,
            id="items kept",
        ),
        pytest.param(
            """
            stream.add_buffer_reader(bytearray(b"".join(map(one, range(100)))))
            sys.modules["kept"] = stream
            """,
            id="memory kept",
        ),
        pytest.param(
            """
            import atexit
            atexit.register(lambda: [queue.add_packet(one(i)) for i in range(3)])
            """,
            id="packets at exit",
        ),
    ],
)
def test_the_interpreter_ends(script: str) -> None:
    result = run(script)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_waiting_call_can_be_interrupted() -> None:
    result = run(
        """
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        for take in (stream.get, lambda: next(stream)):
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            try:
                take()
            except KeyboardInterrupt:
                print("interrupted")
        queue.add_packet(one(7))
        print(stream.get().cnt)
        """
    )
    assert (result.stdout.split(), result.stderr) == (["interrupted", "interrupted", "7"], "")


def test_streams_of_a_stopped_pool() -> None:
    pool = spead2.ThreadPool()
    source = Source(pool=pool)
    pool.stop()
    source.stream.stop()
    with pytest.raises(spead2.Stopped):
        source.stream.get()


def test_a_stream_keeps_its_pool() -> None:
    stream = recv.Stream(spead2.ThreadPool())
    gc.collect()
    stream.add_buffer_reader(one(1))
    assert [heap.cnt for heap in stream] == [1]
