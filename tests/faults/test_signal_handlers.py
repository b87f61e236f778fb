# SPDX-License-Identifier: Apache-2.0
"""Signal handlers that use a stream while the main thread waits in one of its calls."""

from __future__ import annotations

import pytest
from python_programs import check

#: The main thread sends two heaps, one after the other, that take 1.5 s together; meanwhile a timer
#: has its handler send others on the same stream.
SCRIPT = """
{stop}
stream = BytesStream(pool, StreamConfig(rate=2e6, max_heaps=8))
begun = 0
inner = []

def handler(*_):
    global begun
    begun += 1
    if begun == 3:
        signal.setitimer(signal.ITIMER_REAL, 0)
    inner.append(stream.send_heap(make_heap(50), cnt=999 + begun))
    {more}

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.15, 0.2)
for cnt in (1, 2):
    try:
        assert stream.send_heap(make_heap(1_500_000), cnt=cnt) > 1_500_000
    except KeyError:
        pass
while begun < 3:
    try:
        signal.pause()
    except KeyError:
        pass
stream.send_heap(make_heap(1), cnt=3)  # the last
data = stream.getvalue()
order = []
at = 0
import struct
while at < len(data):
    fields = dict(
        (pointer >> 40 & 0x7FFFFF, pointer & (1 << 40) - 1)
        for pointer in struct.unpack_from(f">{{data[at + 7]}}Q", data, at + 8))
    order.append(fields[1])
    at += 8 + 8 * data[at + 7] + fields[4]
heaps = [cnt for i, cnt in enumerate(order) if i == 0 or order[i - 1] != cnt]
print(sorted(heaps), len(heaps))
"""


@pytest.mark.parametrize("stop", ["", "pool.stop()"], ids=["worker", "pool stopped"])
@pytest.mark.parametrize("more", ["", "raise KeyError"], ids=["", "raises"])
def test_handler_that_sends_on_the_stream_in_use(stop: str, more: str) -> None:
    """Heaps go in the order of queueing, each as a whole, and whatever the handler raises."""
    check(SCRIPT.format(stop=stop, more=more), "[1, 2, 3, 1000, 1001, 1002] 6")


def test_handler_that_sends_while_the_stream_is_flushed() -> None:
    check(
        """
        async def main():
            stream = spead2.send.asyncio.InprocStream(
                pool, [spead2.InprocQueue()], StreamConfig(rate=2e6, max_heaps=8))
            future = stream.async_send_heap(make_heap(700_000))
            futures = []

            def handler(*_):
                futures.append(stream.async_send_heap(make_heap(30)))

            signal.signal(signal.SIGALRM, handler)
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            stream.flush()
            print(await future > 700_000, await futures[0] > 30)

        asyncio.run(main())
        """,
        "True True",
    )


def test_handler_that_deletes_the_last_reference_to_what_is_sent() -> None:
    """The stream that is in use is kept by the call."""
    check(
        """
        stream = BytesStream(pool, StreamConfig(rate=1e6))

        def handler(*_):
            global stream
            del stream
            gc.collect()

        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        print(stream.send_heap(make_heap(400_000)) > 400_000, "stream" in globals())
        """,
        "True False",
    )
