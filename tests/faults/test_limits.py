# SPDX-License-Identifier: Apache-2.0
"""Limits of the process: descriptors, threads, memory."""

from __future__ import annotations

import programs
import pytest
from python_programs import check


def test_asyncio_heap_goes_once_though_there_are_no_descriptors_left() -> None:
    """Whether it is sent or refused, it says so, and a second one is no copy of the first."""
    check(
        """
        import resource
        sink = reader()
        stream = spead2.send.asyncio.UdpStream(pool, [sink.getsockname()])
        kept = make_heap(60)

        async def send():
            taken = []
            resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
            try:
                while True:
                    taken.append(os.dup(0))
            except OSError:
                pass
            try:
                await stream.async_send_heap(kept, cnt=11)
            except OSError:
                sent = []
            else:
                sent = [11]
            for fd in taken:
                os.close(fd)
            await stream.async_send_heap(kept, cnt=12)
            return [*sent, 12]

        sent = asyncio.run(send())
        received = []
        sink.settimeout(0.5)
        try:
            while True:
                received.append(int.from_bytes(sink.recv(2000)[11:16], "big"))
        except TimeoutError:
            pass
        print(received == sent or (received, sent))
        """,
        "True",
    )


def test_another_loop_without_descriptors_sends_nothing() -> None:
    """The second loop that uses a stream needs a descriptor of its own."""
    check(
        """
        import resource
        queue = spead2.InprocQueue()
        stream = spead2.send.asyncio.InprocStream(
            pool, [queue], StreamConfig(rate=1e4, burst_size=10))
        refused = []

        async def other():
            taken = []
            resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
            try:
                while True:
                    taken.append(os.dup(0))
            except OSError:
                pass
            try:
                await stream.async_send_heap(make_heap(3), cnt=5)
            except OSError as error:
                refused.append(error.errno)
            for fd in taken:
                os.close(fd)
            return await stream.async_send_heap(make_heap(3), cnt=6)

        async def first():
            future = stream.async_send_heap(make_heap(2000), cnt=1)
            loop = asyncio.new_event_loop()
            await asyncio.get_running_loop().run_in_executor(
                None, lambda: refused.append(loop.run_until_complete(other()) > 0))
            loop.close()
            await future

        asyncio.run(first())
        queue.stop()
        cnts = {int.from_bytes(packet[11:16], "big") for packet in queue}
        print(refused, sorted(cnts))
        """,
        "[24, True] [1, 6]",
    )


def test_a_thread_that_the_system_refuses_is_called_that() -> None:
    check(
        """
        import resource
        kilobytes = int(next(
            line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1])
        limit = kilobytes * 1024 + (32 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        try:
            spead2.ThreadPool(64)
        except OSError as error:
            print("thread" in str(error), type(error) is not MemoryError)
        stream = BytesStream(pool)
        print(stream.send_heap(make_heap(10)) > 10)
        """,
        "True True\nTrue",
    )


@pytest.mark.cxx
@pytest.mark.timeout(900)
def test_a_driver_without_memory_loses_nothing() -> None:
    """Builds driver_without_memory.cc, which says what it does."""
    programs.check_sanitized("driver_without_memory")
