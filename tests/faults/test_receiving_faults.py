# SPDX-License-Identifier: Apache-2.0
"""What a receiver loses by a fault, what it is told, and that the next heap comes."""

from __future__ import annotations

import contextlib
import errno
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import packets
import pytest
from faults_fixtures import SO_RCVBUFFORCE, lines, wait_for_line
from namespaces import Link
from python_programs import check

import spead2
import spead2.recv as recv

WHOLE = recv.RingStreamConfig(heaps=4096)
PARTS = recv.RingStreamConfig(heaps=64, contiguous_only=False, incomplete_keep_payload_ranges=True)


def heap(cnt: int, size: int = 4000) -> list[bytes]:
    """Return the packets of a heap."""
    payload = bytes(i * cnt % 251 for i in range(size))
    whole = packets.whole(cnt, (0x20, payload))
    return [piece.encode() for piece in packets.cut(whole, *range(1000, size, 1000))]


def value(received: Any) -> bytes:
    return b"".join(bytes(item) for item in received.get_items())


@contextlib.contextmanager
def connected(
    ring: recv.RingStreamConfig = WHOLE,
) -> Iterator[tuple[recv.Stream, socket.socket]]:
    """Give a stream over TCP, and the other end."""
    stream = recv.Stream(spead2.ThreadPool(), ring_config=ring)
    with socket.create_server(("127.0.0.1", 0)) as acceptor:
        stream.add_tcp_reader(acceptor)
        address = acceptor.getsockname()
    with socket.create_connection(address) as sender:
        yield stream, sender
    stream.stop()


@pytest.mark.parametrize("how", ["closed", "reset"])
def test_the_peer_goes_in_the_middle_of_a_heap(how: str, caplog: pytest.LogCaptureFixture) -> None:
    """The heap that is not whole is lost, with a message; the stream ends and says why."""
    with lines(caplog), connected() as (stream, sender):
        sender.sendall(b"".join(heap(1)) + b"".join(heap(2)[:2]) + heap(2)[2][:50])
        assert stream.get().cnt == 1
        while stream.stats["packets"] < 6:
            time.sleep(0.001)
        if how == "reset":
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sender.close()
        with pytest.raises(spead2.Stopped):
            stream.get()
        wait_for_line(caplog, "dropped incomplete heap 2 (2000/4000 bytes of payload)")
        if how == "reset":
            assert "Connection reset by peer" in stream.stop_reason
            wait_for_line(caplog, "Error in TCP receiver: Connection reset by peer")
        else:
            assert stream.stop_reason == ""


def test_the_peer_goes_and_what_came_of_its_heap_can_be_had() -> None:
    with connected(PARTS) as (stream, sender):
        sender.sendall(b"".join(heap(2)[:3]))
        sender.close()
        received = stream.get()
        assert isinstance(received, recv.IncompleteHeap)
        assert received.payload_ranges == [(0, 3000)]


def sized_socket(size: int) -> socket.socket:
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with contextlib.suppress(PermissionError):
        sink.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, size)
    sink.bind(("127.0.0.1", 0))
    return sink


RECEIVER = """
import sys, socket
import spead2, spead2.recv as recv
stream = recv.Stream(spead2.ThreadPool(), ring_config=recv.RingStreamConfig(heaps=4096))
if sys.argv[1] == "udp":
    stream.add_udp_reader(socket.socket(fileno=int(sys.argv[2])))
else:
    stream.add_tcp_reader(socket.socket(fileno=int(sys.argv[2])))
print("ready", flush=True)
for heap in stream:
    print(heap.cnt, flush=True)
"""


@contextlib.contextmanager
def receiver(kind: str, sock: socket.socket) -> Iterator[subprocess.Popen[str]]:
    """Have a process of its own receive, and print the number of each heap."""
    with subprocess.Popen(
        [sys.executable, "-c", RECEIVER, kind, str(sock.fileno())],
        pass_fds=[sock.fileno()],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def stop_process(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGSTOP)
    state = pathlib.Path(f"/proc/{process.pid}/stat")
    while state.read_text().rpartition(")")[2].split()[0] != "T":
        pass


def numbers(process: subprocess.Popen[str], last: int) -> list[int]:
    """Read the numbers of heaps up to a certain one."""
    assert process.stdout is not None
    found = []
    while not found or found[-1] != last:
        line = process.stdout.readline()
        assert line, found
        found.append(int(line))
    return found


def test_a_receiver_over_tcp_that_is_stopped_and_goes_on() -> None:
    """Nothing is lost: the sender waits."""
    with (
        socket.create_server(("127.0.0.1", 0)) as acceptor,
        receiver("tcp", acceptor) as process,
        socket.create_connection(acceptor.getsockname()) as sender,
    ):
        acceptor.close()
        sender.sendall(b"".join(heap(1)))
        assert numbers(process, 1) == [1]
        stop_process(process)
        sender.setblocking(False)
        everything = b"".join(b"".join(heap(cnt)) for cnt in range(2, 3002))
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < len(everything):
                sent += sender.send(everything[sent:])
        assert sent < len(everything)
        process.send_signal(signal.SIGCONT)
        sender.setblocking(True)
        sender.sendall(everything[sent:])
        assert numbers(process, 3001) == list(range(2, 3002))


def test_a_receiver_over_udp_that_is_stopped_and_goes_on() -> None:
    """What the socket's buffer holds comes, and what had no room is lost; the next heap comes."""
    with sized_socket(200_000) as sink, receiver("udp", sink) as process:
        address = sink.getsockname()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

            def send(cnt: int) -> None:
                for packet in heap(cnt):
                    sender.sendto(packet, address)

            send(1)
            assert numbers(process, 1) == [1]
            stop_process(process)
            for cnt in range(2, 502):
                send(cnt)
            process.send_signal(signal.SIGCONT)
            # Until one gets through: the buffer may still be full.
            found: list[int] = []
            cnt = 1000
            while not found or found[-1] < 1000:
                cnt += 1
                send(cnt)
                assert process.stdout is not None
                found.append(int(process.stdout.readline()))
    kept = [cnt for cnt in found if cnt < 1000]
    assert 5 < len(kept) < 500
    assert kept == list(range(2, 2 + len(kept)))


def test_a_full_ring_loses_datagrams_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """What the kernel's buffer has no room for is lost; there is one message a second."""
    with lines(caplog), sized_socket(100_000) as sink:
        stream = recv.Stream(spead2.ThreadPool(), ring_config=recv.RingStreamConfig(heaps=3))
        address = sink.getsockname()
        stream.add_udp_reader(sink)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for cnt in range(1, 1001):
                sender.sendto(packets.whole(cnt, (0x20, bytes(1000))).encode(), address)
            wait_for_line(caplog, "worker thread blocked by full ringbuffer on heap")
            taken = []
            # What is still in the buffer comes; then the next.
            while not taken or taken[-1] < 2000:
                sender.sendto(packets.whole(2000, (0x20, b"next")).encode(), address)
                taken.append(stream.get().cnt)
        stream.stop()
    assert 3 < len(taken) < 1000
    old = [cnt for cnt in taken if cnt < 2000]
    assert old == sorted(set(old))
    told = [r for r in caplog.records if "full ringbuffer" in r.getMessage()]
    assert len(told) <= 3


def no_descriptors(script: str) -> str:
    return (
        """
import errno, resource
import spead2.recv
from spead2.send import PacketGenerator
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
taken = []
def exhaust():
    try:
        while True:
            taken.append(os.dup(0))
    except OSError:
        pass
def give_back():
    for fd in taken:
        os.close(fd)
    taken.clear()
def one(cnt):
    return b"".join(bytes(p) for p in PacketGenerator(make_heap(100), cnt, 1472))
def refused(call, *arguments, **keywords):
    try:
        call(*arguments, **keywords)
    except OSError as error:
        print(errno.errorcode[error.errno])
    else:
        print("not refused")
sink = reader()
stream = spead2.recv.Stream(pool)
"""
        + script
    )


def test_no_descriptors_for_a_reader() -> None:
    """It is refused, and can be added later; the stream that there is goes on."""
    check(
        no_descriptors("""
queue = spead2.InprocQueue()
stream.add_inproc_reader(queue)
exhaust()
refused(stream.add_udp_reader, sink)
refused(stream.add_udp_reader, 0, bind_hostname="127.0.0.1")
refused(stream.add_tcp_reader, 0, bind_hostname="127.0.0.1")
refused(lambda: spead2.recv.Stream(pool).fd)
queue.add_packet(one(1))
print(stream.get().cnt)
give_back()
stream.add_udp_reader(sink)
sink.sendto(one(2), sink.getsockname())
print(stream.get().cnt)
"""),
        "EMFILE\nEMFILE\nEMFILE\nEMFILE\n1\n2",
    )


def test_no_descriptors_for_a_connection() -> None:
    """A reader of TCP has one in reserve."""
    check(
        no_descriptors("""
acceptor = socket.create_server(("127.0.0.1", 0))
stream.add_tcp_reader(acceptor)
client = socket.socket()
exhaust()
client.connect(acceptor.getsockname())
client.sendall(one(5))
print(stream.get().cnt)
"""),
        "5",
    )


def test_a_signal_handler_uses_the_stream_that_it_interrupts() -> None:
    check(
        """
import spead2.recv
from spead2.send import PacketGenerator
queue = spead2.InprocQueue()
stream = spead2.recv.Stream(pool)
stream.add_inproc_reader(queue)
packets = b"".join(PacketGenerator(make_heap(100), 7, 1472))
calls = []

def handler(*_):
    calls.append(1)
    try:
        stream.get_nowait()
    except spead2.Empty:
        pass
    stream.stats
    stream.stop_reason
    if len(calls) == 2:
        stream.add_buffer_reader(packets)
    if len(calls) == 4:
        signal.setitimer(signal.ITIMER_REAL, 0)
        stream.stop()

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.1, 0.15)
first = stream.get().cnt
try:
    stream.get()
except spead2.Stopped:
    print(first, len(calls))
""",
        "7 4",
    )


@pytest.mark.parametrize("kind", ["udp", "tcp"])
@pytest.mark.parametrize(
    "end", ["", "del stream, pool", "keep = [stream]; keep.append(keep)", "sys.exit(0)"]
)
def test_the_interpreter_ends_while_heaps_come(kind: str, end: str) -> None:
    """Nothing is said, and nothing hangs, however much is on its way."""
    check(
        f"""
        import spead2.recv
        from spead2.send import PacketGenerator
        stream = spead2.recv.Stream(pool, ring_config=spead2.recv.RingStreamConfig(heaps=8))
        packets = [bytes(p) for p in PacketGenerator(make_heap(3000), 7, 1472)]
        if "{kind}" == "udp":
            sink = reader()
            stream.add_udp_reader(sink)
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sender.connect(sink.getsockname())
        else:
            acceptor = socket.create_server(("127.0.0.1", 0))
            stream.add_tcp_reader(acceptor)
            sender = socket.create_connection(acceptor.getsockname())

        def send():
            try:
                while True:
                    for packet in packets:
                        sender.send(packet)
            except OSError:
                pass

        import logging
        logging.getLogger("spead2").setLevel(logging.ERROR)
        threading.Thread(target=send, daemon=True).start()
        for _ in range(20):
            stream.get()
        print("ends", flush=True)
        {end}
        """,
        "ends",
    )


def broken_link(link: Link) -> dict[str, tuple[list[list[str]], list[list[str]]]]:
    """Return by name what breaks a receiver's network, and what mends it: arguments of ip."""
    address = f"{link.far_address}/24"
    neighbour = f"neighbour replace {link.near_address} lladdr 02:00:00:00:00:01 dev far0".split()
    return {
        "link down": (
            [["link", "set", "far0", "down"]],
            [["link", "set", "far0", "up"], neighbour],
        ),
        "address removed": (
            [["addr", "del", address, "dev", "far0"]],
            [["addr", "add", address, "dev", "far0"], neighbour],
        ),
    }


@pytest.mark.parametrize("fault", ["link down", "address removed"])
def test_the_receivers_network_goes_in_the_middle_of_a_heap(
    link: Link, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Lost are the packets of that time, and told is the heap; the next one comes whole."""
    with link.at("far"):
        sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sink.bind((link.far_address, 0))
    stream = recv.Stream(spead2.ThreadPool(), recv.StreamConfig(max_heaps=1))
    stream.add_udp_reader(sink)
    with link.at("near"):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    destroy, mend = broken_link(link)[fault]
    with lines(caplog), sender, sink:
        for packet in heap(1) + heap(2)[:2]:
            sender.sendto(packet, sink.getsockname())
        assert stream.get().cnt == 1
        while stream.stats["packets"] < 6:
            time.sleep(0.001)
        for command in destroy:
            link.ip("far", *command)
        with contextlib.suppress(OSError):
            sender.sendto(heap(2)[2], sink.getsockname())
        for command in mend:
            link.ip("far", *command)
        limit = time.monotonic() + 30
        while stream.stats["packets"] < 7 and time.monotonic() < limit:  # until it is back
            with contextlib.suppress(OSError):
                sender.sendto(heap(2)[3], sink.getsockname())
            time.sleep(0.01)
        for packet in heap(3):
            sender.sendto(packet, sink.getsockname())
        received = stream.get()
        assert (received.cnt, value(received)) == (3, bytes(i * 3 % 251 for i in range(4000)))
        wait_for_line(caplog, "dropped incomplete heap 2")
    stream.stop()


def test_errors_have_their_numbers() -> None:
    """What the system refuses a reader is an OSError with its number, and a RuntimeError."""
    stream = recv.Stream(spead2.ThreadPool())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match=str(taken.getsockname()[1])) as caught:
            stream.add_udp_reader(taken.getsockname()[1], bind_hostname="127.0.0.1")
    assert caught.value.errno == errno.EADDRINUSE
    assert isinstance(caught.value, RuntimeError)
