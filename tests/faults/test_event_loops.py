# SPDX-License-Identifier: Apache-2.0
"""One asyncio stream, event loops in many threads, which come and go."""

from __future__ import annotations

import pytest
from python_programs import check


@pytest.mark.parametrize("rounds", [1, 4], ids=["one heap", "several"])
def test_many_loops_use_one_stream_at_once(rounds: int) -> None:
    """As the interpreter changes threads all the time, each step of one meets each of others."""
    check(
        f"""
        from spead2.send.asyncio import InprocStream
        sys.setswitchinterval(1e-6)
        heap = make_heap(25)
        failures = []
        for _ in range(60):
            queue = spead2.InprocQueue()
            stream = InprocStream(pool, [queue], StreamConfig(max_heaps=200))
            barrier = threading.Barrier(12)

            async def send():
                barrier.wait()
                for _ in range({rounds}):
                    if await stream.async_send_heap(heap) < 25:
                        failures.append("short")

            def run():
                try:
                    asyncio.run(send())
                except BaseException as error:
                    failures.append(repr(error))

            threads = [threading.Thread(target=run) for _ in range(12)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            queue.stop()
            if len(list(queue)) != 12 * {rounds}:
                failures.append("lost")
        print(failures)
        """,
        "[]",
        timeout=110,
    )


def test_loops_that_ask_whether_others_are_closed_may_be_asked_meanwhile() -> None:
    """A loop's is_closed() may run any code, even such as brings another loop to the stream."""
    check(
        """
        from spead2.send.asyncio import InprocStream

        class Loop(asyncio.SelectorEventLoop):
            asked = 0

            def is_closed(self):
                if stream is not None and not Loop.asked:
                    Loop.asked += 1
                    thread = threading.Thread(target=run, args=(asyncio.SelectorEventLoop(),))
                    thread.start()
                    thread.join()
                return super().is_closed()

        stream = None
        sent = []

        def run(loop):
            async def send():
                sent.append(await stream.async_send_heap(make_heap(10)))
            loop.run_until_complete(send())
            loop.close()

        first = Loop()
        config = StreamConfig(rate=1e4, burst_size=10, max_heaps=10)
        stream = InprocStream(pool, [spead2.InprocQueue()], config)

        async def begin():
            return stream.async_send_heap(make_heap(1000))  # pending: the loop is kept

        future = first.run_until_complete(begin())
        run(asyncio.SelectorEventLoop())
        first.run_until_complete(asyncio.wait_for(future, 30))
        first.close()
        print(len(sent), Loop.asked)
        """,
        "2 1",
    )


@pytest.mark.parametrize("where", ["create_future", "call_soon", "add_reader", "remove_reader"])
@pytest.mark.parametrize("run", ["stream.process_callbacks()", "take_away()"])
def test_loops_that_run_code_when_they_are_asked_for_something(where: str, run: str) -> None:
    """Such as has the stream look after its futures, or brings another loop to it."""
    check(
        f"""
        from spead2.send.asyncio import InprocStream
        busy = []

        def take_away():
            # Another loop, in a thread of its own, while this one is not waiting for anything.
            async def send():
                await stream.async_send_heap(make_heap(10))
            thread = threading.Thread(target=lambda: asyncio.run(send()))
            thread.start()
            thread.join()
            stream.process_callbacks()

        class Loop(asyncio.SelectorEventLoop):
            def {where}(self, *arguments, **keywords):
                if not busy and "stream" in globals():
                    busy.append(1)
                    {run}
                    busy.clear()
                return super().{where}(*arguments, **keywords)

        queue = spead2.InprocQueue()
        stream = InprocStream(pool, [queue], StreamConfig(max_heaps=50, rate=1e8))
        sent = []

        async def main():
            for size in (10, 30_000, 10):
                for _ in range(10):
                    sent.append(await stream.async_send_heap(make_heap(size)))
                sent.append(await stream.async_flush() or 1)

        for _ in range(30):
            loop = Loop()
            loop.run_until_complete(asyncio.wait_for(main(), 30))
            loop.close()
            gc.collect()
        print(len(sent), all(sent))
        """,
        "990 True",
    )


def test_whom_a_closed_loop_cannot_tell_is_passed_over() -> None:
    check(
        """
        queue = spead2.InprocQueue()
        config = StreamConfig(rate=1e5, burst_size=0)
        stream = spead2.send.asyncio.InprocStream(pool, [queue], config)

        async def send_later():
            sent = stream.async_send_heap(make_heap(10_000))
            sent.add_done_callback(lambda _: print("told"))

        loop = asyncio.new_event_loop()
        loop.run_until_complete(send_later())
        loop.close()

        async def send():
            return await stream.async_send_heap(make_heap(100))

        print(asyncio.run(send()) > 100)
        """,
        "True",
    )
