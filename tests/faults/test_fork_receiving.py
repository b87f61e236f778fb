# SPDX-License-Identifier: Apache-2.0
"""fork() while streams of the parent receive: worker and locks are busy all the time."""

from __future__ import annotations

import pytest
from python_programs import run

#: Forks many times while a worker receives; {child} is what children do. It has ended by itself
#: when it exits with 7.
FORKS = """
import logging, warnings
import spead2.recv, spead2.recv.asyncio
warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
logging.getLogger("spead2").setLevel(logging.ERROR)  # packets are lost all the time
memory = spead2.MemoryPool(16, 4096, 8, 2)
memory.warn_on_empty = False
config = spead2.recv.StreamConfig(max_heaps=8, memory_allocator=memory)
config.stop_on_stop_item = False
stream = {stream}(pool, config, spead2.recv.RingStreamConfig(heaps=16))
sink = reader()
address = sink.getsockname()
stream.add_udp_reader(sink)
queue = spead2.InprocQueue()
sender = UdpStream(pool, [address])
heap = make_heap(3000)
stop = threading.Event()
taken = []

def send():
    while not stop.is_set():
        sender.send_heap(heap)

def take():  # waits most of the time
    while not stop.is_set():
        try:
            heap = spead2.recv.Stream.get(stream)
        except spead2.Stopped:
            return
        taken[:] = taken[-3:] + [heap]

def wait():  # for what never comes
    try:
        queue.get_packet()
    except spead2.Stopped:
        pass

threads = [threading.Thread(target=f) for f in (send, take, wait)]
for thread in threads:
    thread.start()
while not taken:
    time.sleep(0.001)

def refused(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        assert "forked" in str(error), error
    else:
        os._exit(1)

def child():
{child}

for _ in range(25):
    pid = os.fork()
    if pid == 0:
        signal.alarm(90)  # beyond any delay
        child()
        sys.exit(7)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != 7:
        print(f"a child ended with {{status}}", flush=True)
        os._exit(1)
before = stream.stats["heaps"]
limit = time.monotonic() + 30
while stream.stats["heaps"] == before and time.monotonic() < limit:
    time.sleep(0.001)
print(stream.stats["heaps"] > before)
stop.set()
stream.stop()
queue.stop()
for thread in threads:
    thread.join()
"""

CHILDREN = {
    "exits": "    pass",
    "drops everything": """
    global stream, queue, memory, pool, sender
    del stream, queue, memory, pool, sender
    taken.clear()
    gc.collect()
""",
    "asks": """
    Stream = spead2.recv.Stream
    refused(Stream.get, stream)
    refused(stream.get_nowait)
    refused(next, iter(stream))
    refused(lambda: stream.stats)
    refused(lambda: stream.fd)
    refused(lambda: stream.stop_reason)
    refused(stream.start)
    refused(stream.add_buffer_reader, bytes(8))
    assert stream.ringbuffer.size() == 0
    repr(stream)
""",
    "asks from a loop": """
    async def receive():
        if isinstance(stream, spead2.recv.asyncio.Stream):
            try:
                await stream.get()
            except OSError as error:
                assert "forked" in str(error), error
            else:
                os._exit(1)
    asyncio.new_event_loop().run_until_complete(receive())
""",
    "stops": "    stream.stop(); pool.stop()",
    "looks at heaps": """
    for heap in taken:
        for item in heap.get_items():
            assert len(bytes(item)) == 3000
    taken.clear()
""",
    "receives by itself": """
    own = spead2.recv.Stream(spead2.ThreadPool())
    packets = spead2.InprocQueue()
    own.add_inproc_reader(packets)
    for packet in spead2.send.PacketGenerator(heap, 5, 1472):
        packets.add_packet(packet)
    packets.stop()
    assert [heap.cnt for heap in own] == [5]
""",
}


@pytest.mark.parametrize("stream", ["spead2.recv.Stream", "spead2.recv.asyncio.Stream"])
@pytest.mark.parametrize("child", CHILDREN)
def test_child_of_a_process_that_receives(child: str, stream: str) -> None:
    """It does not hang, and is told at once that the stream is not its own; the parent goes on."""
    done = run(FORKS.format(stream=stream, child=CHILDREN[child].strip("\n")), timeout=110)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "True", "")
