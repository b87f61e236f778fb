# SPDX-License-Identifier: Apache-2.0
"""Streams while another thread does not let go of the GIL."""

from __future__ import annotations

import pytest
from python_programs import check

SEND = {
    "send_heap": "stream.send_heap(heap)",
    "send_heaps": "stream.send_heaps([spead2.send.HeapReference(heap)] * 2, GroupMode.SERIAL)",
}


@pytest.mark.parametrize("call", SEND)
def test_packets_keep_going_out_while_another_thread_holds_the_gil(call: str) -> None:
    """The kernel's times of reception tell which packets came while it was held.

    At 3 MB/s a burst of 32,000 bytes goes every 11 ms: ten of them in the seconds that the other
    thread is at it say that it did not matter, however busy the machine is.
    """
    check(
        f"""
        import struct
        sink = reader(stamps=True)
        sink.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        heap = make_heap(7_000_000)
        stream = UdpStream(
            pool, [sink.getsockname()], StreamConfig(rate=3e6, burst_size=32_000, max_heaps=2))
        held = []

        def hold():
            began = time.time()
            sum(range(80_000_000))  # never lets go
            held[:] = began, time.time()

        timer = threading.Timer(0.4, hold)
        timer.start()
        {SEND[call]}
        timer.join()
        sink.setblocking(False)
        times = []
        while True:
            try:
                _, ancillary, _, _ = sink.recvmsg(9000, 64)
            except BlockingIOError:
                break
            seconds, ns = struct.unpack("qq", ancillary[0][2][:16])
            times.append(seconds + 1e-9 * ns)
        within = [t for t in times if held[0] + 0.05 < t < min(held[1], times[-1]) - 0.05]
        bursts = sum(b - a > 0.003 for a, b in zip(within, within[1:]))
        print(bursts >= 10 or f"{{bursts}} bursts in {{held[1] - held[0]}} s")
        """,
        "True",
    )
