# SPDX-License-Identifier: GPL-3.0-or-later
"""Sinks that connect when they are made."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading

import numpy as np
from gnuradio import gr
from gnuradio import spead2 as sinks
from gnuradio_fixtures import source
from processes import wait_until_connecting

CONNECT = """
import sys
from gnuradio import spead2 as sinks
item = (0x1000, "x", "", "f4")
try:
    print("connecting", flush=True)
    sinks.tcp_heap_sink(("127.0.0.1", int(sys.argv[1])), item, samples_per_heap=1)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_control_c_ends_a_connection_that_is_not_answered() -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        # Others fill the queue, so that the kernel answers no more.
        for _ in range(4):
            other = stack.enter_context(socket.socket())
            other.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                other.connect(server.getsockname())
        program = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", CONNECT, str(server.getsockname()[1])],
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        assert program.stdout is not None
        assert program.stdout.readline() == "connecting\n"
        # Once, when it is in the call: another might come while the program ends.
        wait_until_connecting(program, server.getsockname()[1])
        program.send_signal(signal.SIGINT)
        assert program.stdout.read() == "interrupted\n"


def test_a_sink_connects_again_where_that_is_asked_for() -> None:
    heaps: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        sink = sinks.tcp_heap_sink(
            server.getsockname(),
            (0x1000, "x", "", "float"),
            samples_per_heap=100,
            rate=2e6,
            reconnect=60,
        )

        def serve() -> None:
            first, _ = server.accept()
            with first:
                first.recv(1000)
            second, _ = server.accept()
            with second:
                while chunk := second.recv(1 << 16):
                    heaps.append(chunk)

        thread = threading.Thread(target=serve)
        thread.start()
        top = gr.top_block()
        top.connect(source(np.zeros(200_000, np.float32)), sink)
        top.run()
        sent = sink.heaps_sent()
        del sink, top  # closes the connection
        thread.join(60)
        assert not thread.is_alive()
    assert sent > 1000
    assert sum(map(len, heaps)) > 400_000
