# SPDX-License-Identifier: Apache-2.0
"""fork() while streams of the parent have heaps in flight."""

from __future__ import annotations

import pytest
from python_programs import check, run

#: Forks many times while another thread keeps worker and locks busy; {child} is what children do.
#: It has ended by itself when it exits with 7.
FORKS = """
import warnings
import spead2.recv
warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
sink = reader()
config = StreamConfig(max_heaps=100, rate={rate})
stream = UdpStream(pool, [sink.getsockname()], config)
asyncio_stream = spead2.send.asyncio.UdpStream(pool, [sink.getsockname()], config)
heap = make_heap(3000)
stop = threading.Event()

def work():
    async def send():
        while not stop.is_set():
            await asyncio.gather(*(asyncio_stream.async_send_heap(heap) for _ in range(5)))
            stream.send_heap(heap)
    asyncio.run(send())

thread = threading.Thread(target=work)
thread.start()

def child():
{child}

for _ in range(25):
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        child()
        sys.exit(7)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != 7:
        stop.set()
        sys.exit(f"a child ended with {{status}}")
stop.set()
thread.join()
print(stream.send_heap(heap) > 3000)
"""

CHILDREN = {
    "exits": "    pass",
    "drops the streams": """
    global stream, asyncio_stream, pool
    del stream, asyncio_stream, pool
    gc.collect()
""",
    "sends": """
    for call in (
        lambda: stream.send_heap(heap),
        lambda: stream.send_heaps([spead2.send.HeapReference(heap)], GroupMode.SERIAL),
        lambda: asyncio_stream.flush(),
        lambda: stream.set_cnt_sequence(1, 1),
        lambda: UdpStream(pool, [sink.getsockname()]),
        lambda: spead2.send.asyncio.UdpStream(pool, [sink.getsockname()]),
        lambda: spead2.recv.Stream(pool),
        lambda: spead2.MemoryPool(pool, 1, 4096, 8, 2, 1),
    ):
        try:
            call()
        except OSError as error:
            assert "forked" in str(error), error
        else:
            os._exit(1)
""",
    "sends from a loop": """
    async def send():
        try:
            await asyncio_stream.async_send_heap(heap)
        except OSError as error:
            assert "forked" in str(error), error
        else:
            os._exit(1)
    asyncio.new_event_loop().run_until_complete(send())
""",
    "makes streams of its own": """
    own = UdpStream(spead2.ThreadPool(), [sink.getsockname()], StreamConfig(rate=1e8))
    assert own.send_heap(heap) > 3000
    async def send():
        own = spead2.send.asyncio.UdpStream(spead2.ThreadPool(), [sink.getsockname()])
        assert await own.async_send_heap(heap) > 3000
    asyncio.new_event_loop().run_until_complete(send())
""",
    "stops the pool": "    pool.stop()",
}


@pytest.mark.parametrize("child", CHILDREN)
def test_child_of_a_process_that_sends(child: str) -> None:
    """It neither hangs nor sends; the parent goes on."""
    indented = "\n".join("    " + line for line in CHILDREN[child].splitlines())
    text = FORKS.format(rate=2e6, child=CHILDREN[child].strip("\n") or indented)
    done = run(text)
    lines = [line for line in done.stderr.splitlines() if "heap refused" not in line]
    assert (done.returncode, done.stdout.strip(), lines) == (0, "True", [])


def test_what_was_about_to_go_at_a_loop_s_turn_is_sent_once() -> None:
    """By the parent: the child has the loop's turn too."""
    check(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        sink = reader()
        sink.setblocking(False)
        stream = spead2.send.asyncio.UdpStream(pool, [sink.getsockname()])

        async def send(heap):
            sent = stream.async_send_heap(heap)
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)
                await asyncio.sleep(0)
                os._exit(7)
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), end=" ")
            await sent
            sink.recv(10_000)
            try:
                sink.recv(10_000)
            except BlockingIOError:
                print("once")

        for _ in range(10):
            asyncio.run(send(make_heap(1000)))
        """,
        "\n".join(["7 once"] * 10),
    )


def test_a_child_that_executes_another_program_is_not_concerned() -> None:
    check(
        """
        import subprocess
        stream = BytesStream(pool, StreamConfig(rate=1e6))
        thread = threading.Thread(target=stream.send_heap, args=(make_heap(300_000),))
        thread.start()
        print(subprocess.run(["echo", "hello"], capture_output=True, text=True).stdout.strip())
        thread.join()
        """,
        "hello",
    )
