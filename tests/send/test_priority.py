# SPDX-License-Identifier: Apache-2.0
"""Thread pools of real time, and who sends then."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import spead2
import spead2.send

TASKS = Path("/proc/self/task")


def real_time_is_allowed() -> bool:
    """Whether a thread of this process may have a priority, tried in a process of its own."""
    tried = "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))"
    return subprocess.run([sys.executable, "-c", tried], stderr=subprocess.DEVNULL).returncode == 0


needs_real_time = pytest.mark.skipif(
    not real_time_is_allowed(), reason="threads of real time are not allowed here"
)


def threads() -> set[int]:
    return {int(task.name) for task in TASKS.iterdir()}


def heap(size: int) -> spead2.send.Heap:
    made = spead2.send.Heap()
    made.add_item(spead2.Item(0x1000, "x", "", shape=(size,), dtype="u1", value=b"7" * size))
    return made


class Receiver:
    """A socket with room for all that is sent, and a stream to it."""

    def __init__(self, pool: spead2.ThreadPool, rate: float = 0.0) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 << 20)
        self.socket.bind(("127.0.0.1", 0))
        config = spead2.send.StreamConfig(rate=rate, burst_size=1000, max_packet_size=1000)
        self.stream = spead2.send.UdpStream(pool, [self.socket.getsockname()], config)

    def drain(self) -> int:
        """Bytes of the packets that came; no more are to come."""
        size = 0
        with self.socket:
            self.socket.setblocking(False)
            while True:
                try:
                    size += len(self.socket.recv(2000))
                except BlockingIOError:
                    return size


@pytest.fixture
def pool() -> Iterator[spead2.ThreadPool]:
    made = spead2.ThreadPool(priority=3)
    yield made
    made.stop()


def switches(thread: int) -> int:
    """How often a thread has waited."""
    status = (TASKS / str(thread) / "status").read_text()
    return int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])


@needs_real_time
def test_threads_have_the_priority_that_was_asked_for() -> None:
    before = threads()
    pool = spead2.ThreadPool(2, [], priority=5)
    new = threads() - before
    assert len(new) == 2
    for thread in new:
        assert os.sched_getscheduler(thread) == os.SCHED_FIFO
        assert os.sched_getparam(thread).sched_priority == 5
    pool.stop()
    before = threads()
    pool = spead2.ThreadPool()
    (plain,) = threads() - before
    assert os.sched_getscheduler(plain) == os.SCHED_OTHER
    pool.stop()


@needs_real_time
def test_the_pools_thread_sends_while_the_caller_waits() -> None:
    waited = {}
    for priority in (0, 1):
        before = threads()
        pool = spead2.ThreadPool(priority=priority)
        (worker,) = threads() - before
        receiver = Receiver(pool, rate=1e6)
        asleep = switches(worker)
        # Some 50 bursts, each a millisecond after the other.
        assert receiver.stream.send_heap(heap(50_000)) == receiver.drain()
        waited[priority] = switches(worker) - asleep
        pool.stop()
    assert waited[0] <= 2  # its start
    assert waited[1] > 25


@needs_real_time
def test_what_is_being_sent_goes_on_when_the_pool_stops(pool: spead2.ThreadPool) -> None:
    receiver = Receiver(pool, rate=1e6)
    sent: list[int] = []
    thread = threading.Thread(target=lambda: sent.append(receiver.stream.send_heap(heap(200_000))))
    thread.start()
    first = len(receiver.socket.recv(2000))
    pool.stop()
    sent.append(receiver.stream.send_heap(heap(1000)))
    thread.join()
    sent.append(receiver.stream.send_heap(heap(1000)))
    assert len(sent) == 3
    assert first + receiver.drain() == sum(sent) > 200_000


@needs_real_time
def test_several_threads_wait_for_their_heaps(pool: spead2.ThreadPool) -> None:
    receiver = Receiver(pool)
    sent: list[int] = []

    def send() -> None:
        for _ in range(100):
            sent.append(receiver.stream.send_heap(heap(100)))

    senders = [threading.Thread(target=send) for _ in range(3)]
    for thread in senders:
        thread.start()
    for thread in senders:
        thread.join()
    assert len(sent) == 300
    assert receiver.drain() == sum(sent)


def test_a_priority_that_is_not_allowed_is_told() -> None:
    program = """
import resource, os, spead2
resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
os.setuid(65534)
try:
    spead2.ThreadPool(priority=1)
except PermissionError as error:
    print(error)
"""
    if os.getuid() != 0 and resource.getrlimit(resource.RLIMIT_RTPRIO)[0] != 0:
        pytest.skip("this user is allowed to, and cannot become one who is not")
    if os.getuid() != 0:
        program = program.replace("os.setuid(65534)", "")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "priority 1 of real time, which takes CAP_SYS_NICE or RLIMIT_RTPRIO" in done.stdout
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize("priority", [-1, 100, 2**31 - 1])
def test_a_priority_out_of_range_is_told(priority: int) -> None:
    with pytest.raises(ValueError, match=f"priority is {priority}, but it is from 1 to 99"):
        spead2.ThreadPool(priority=priority)
    with pytest.raises(TypeError):
        spead2.ThreadPool(1, [], 1)  # type: ignore[misc, unused-ignore]
