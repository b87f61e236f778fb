# SPDX-License-Identifier: Apache-2.0
"""Heaps that are lost or refused are told, with their number, and without filling the log."""

from __future__ import annotations

import socket

import pytest
from python_programs import check, run

#: A stream to a socket that nobody reads, with {heaps} heaps queued and none that can go.
STUCK = """
logging = __import__("logging")
logging.basicConfig(format="%(levelname)s %(message)s")
loop = asyncio.new_event_loop()

async def queue():
    global stream
    stream = await spead2.send.asyncio.TcpStream.connect(
        pool, [("127.0.0.1", {port})], StreamConfig(max_heaps=50), buffer_size=4096)
    return [stream.async_send_heap(make_heap(8 << 20)) for _ in range({heaps})]

futures = loop.run_until_complete(queue())
"""


@pytest.mark.parametrize(
    ("heaps", "end"),
    [
        (7, "loop.close()\ndel stream, futures\ngc.collect()\n"),
        (1, "loop.close()\n"),
        (1, ""),
        (7, "keep = [futures, stream]\nkeep.append(keep)\n"),
    ],
    ids=["destroyed", "interpreter ends", "in use", "in a circle"],
)
def test_heaps_that_do_not_go_before_the_end_are_counted(heaps: int, end: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = run(STUCK.format(heaps=heaps, port=listener.getsockname()[1]) + end)
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if "not sent" in line]
    assert len(told) == 1, done.stderr
    words = f"{heaps} heap was not sent" if heaps == 1 else f"{heaps} heaps were not sent"
    assert words in told[0]
    assert "127.0.0.1" in told[0]


def test_refused_heaps_do_not_fill_the_log() -> None:
    """However many: the first at once, then one message a second with the number of the others."""
    check(
        """
        import logging
        messages = []
        handler = logging.Handler()
        handler.emit = lambda record: messages.append(record.getMessage())
        logging.getLogger("spead2").addHandler(handler)
        stream = BytesStream(pool)
        refused = 0
        began = time.monotonic()
        while refused < 2000 or time.monotonic() - began < 1.2:
            try:
                stream.send_heap(make_heap(1), cnt=2**50)
            except OSError:
                refused += 1
        took = time.monotonic() - began
        other = BytesStream(pool)
        try:
            other.send_heap(make_heap(1), substream_index=9)
        except OSError:
            pass
        assert 2 < len(messages) <= took + 3, (len(messages), took)
        assert "cnt" in messages[0] and "more" not in messages[0], messages[0]
        assert "more since" in messages[1], messages[1]
        assert "substream_index 9" in messages[-1], messages[-1]
        print("bounded")
        """,
        "bounded",
    )


@pytest.mark.parametrize("asynchronous", [False, True])
def test_error_names_the_substream_that_failed(asynchronous: bool) -> None:
    send = (
        "asyncio.run(stream.async_send_heaps(heaps, GroupMode.SERIAL))"
        if asynchronous
        else "stream.send_heaps(heaps, GroupMode.SERIAL)"
    )
    module = "spead2.send.asyncio" if asynchronous else "spead2.send"
    check(
        f"""
        sink = reader()
        stream = {module}.UdpStream(
            pool, [sink.getsockname()] * 3, StreamConfig(max_packet_size=70_000, max_heaps=9))
        heaps = [
            spead2.send.HeapReference(make_heap(n), substream_index=i)
            for n, i in ((1000, 1), (69_000, 2), (1000, 0))
        ]

        async def start():
            return await {send[12:-1] if asynchronous else "None"}

        try:
            {"asyncio.run(start())" if asynchronous else send}
        except OSError as error:
            print("substream 2" in str(error), "substream 1" in str(error))
        """,
        "True False",
    )
