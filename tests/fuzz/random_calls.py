# SPDX-License-Identifier: Apache-2.0
"""Calls the whole public interface at random, from several threads, with objects that they share.

Half of the calls are what a user would do (make an item, send it, receive it), half are anything:
any public method or attribute of any object with any arguments. Whatever happens is right if it is
a result or an exception; what a sanitizer reports, a SystemError, a hang or the end of the process
is not. Meant for the interpreter that CMakeLists.txt makes.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import gc
import logging
import os
import random
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from random_values import RandomValues

import spead2
import spead2.recv
import spead2.recv.asyncio
import spead2.send
import spead2.send.asyncio

MODULES = [spead2, spead2.send, spead2.send.asyncio, spead2.recv, spead2.recv.asyncio]
#: These may wait for ever, as they should; the usual calls use them where they end.
BLOCKING = {"get", "get_packet", "__next__", "__anext__", "__aiter__", "put", "__iter__", "connect"}
#: These reach beyond the process, or what runs the calls.
LEFT_OUT = {"set_affinity", "UdpIbvStream", "UdpIbvConfig", "PcapStream", "parse_range_list"}
SPECIAL = ["__len__", "__repr__", "__eq__", "__hash__", "__getitem__", "__setitem__", "__init__"]
SPECIAL += ["__contains__", "__add__", "__iadd__", "__reduce__", "__delattr__"]
MAX_OBJECTS = 60
STUCK = 60  # seconds


def public_classes() -> dict[str, Any]:
    """Return whatever can be called in the public modules."""
    found = {}
    for module in MODULES:
        for name in getattr(module, "__all__", dir(module)):
            thing = getattr(module, name)
            if callable(thing) and not name.startswith("_") and name not in LEFT_OUT:
                found[f"{module.__name__}.{name}"] = thing
    return found


CALLABLES = public_classes()


class Caller:
    """One thread's calls. The objects are everybody's."""

    def __init__(self, seed: str, objects: list[Any]) -> None:
        self.random = random.Random(seed)
        self.objects = objects
        self.done = 0
        self.last = ""
        self.raised: dict[str, int] = {}
        self.values = RandomValues(self.random, self.some_argument, self.step)
        self._depth = 0
        self._usual: list[Callable[[], object]] = [
            self.make_thread_pool,
            self.make_item_group,
            self.add_item,
            self.change_item,
            self.make_heap,
            self.make_references,
            self.make_send_stream,
            self.make_receive_stream,
            self.add_reader,
            self.send,
            self.send,
            self.send_many,
            self.send_asynchronously,
            self.receive,
            self.receive,
            self.receive_asynchronously,
            self.generate_packets,
            self.drop,
        ]

    # ---- Objects

    def some_object(self) -> Any:
        """Return any object; they may vanish at any time."""
        try:
            return self.objects[self.random.randrange(len(self.objects))]
        except (IndexError, ValueError):
            return None

    def some_argument(self) -> Any:
        """Return any object but those that could be iterated over for ever."""
        thing = self.some_object()
        return None if isinstance(thing, (spead2.InprocQueue, spead2.recv.Stream)) else thing

    def one_of(self, *kinds: type) -> Any:
        """Return an object of one of the kinds; None if there is none."""
        fitting = [one for one in list(self.objects) if isinstance(one, kinds)]
        return self.random.choice(fitting) if fitting else None

    def keep(self, thing: Any) -> Any:
        """Have an object that others may use."""
        self.objects.append(thing)
        if len(self.objects) > MAX_OBJECTS:
            self.drop()
        return thing

    def drop(self) -> None:
        """Let go of an object."""
        try:
            self.objects.pop(self.random.randrange(len(self.objects)))
        except (IndexError, ValueError):
            return

    # ---- What a user would do

    def pool(self) -> Any:
        return self.one_of(spead2.ThreadPool) or self.make_thread_pool()

    def make_thread_pool(self) -> Any:
        return self.keep(spead2.ThreadPool(self.random.choice([1, 1, 2])))

    def make_item_group(self) -> None:
        kind = self.random.choice([spead2.ItemGroup, spead2.send.ItemGroup])
        group = self.keep(kind())
        if self.random.random() < 0.5:
            self.keep(spead2.send.HeapGenerator(group))

    def add_item(self) -> None:
        group = self.one_of(spead2.ItemGroup)
        if group is not None:
            self.keep(group.add_item(**self.values.description()))

    def change_item(self) -> None:
        item = self.one_of(spead2.Item)
        if item is not None:
            item.value = self.values.array() if self.random.random() < 0.5 else item.value

    def make_heap(self) -> None:
        maker = self.one_of(spead2.send.HeapGenerator)
        if maker is not None:
            which = [self.random.choice(["stale", "all", "none"]) for _ in "ab"]
            heap = self.keep(maker.get_heap(*which))
            if self.random.random() < 0.2:
                maker.add_to_heap(heap)
        else:
            self.keep(spead2.send.Heap())

    def make_references(self) -> None:
        heaps = [one for one in list(self.objects) if isinstance(one, spead2.send.Heap)]
        if heaps:
            references = []
            for _ in range(self.random.randrange(1, 5)):
                cnt = self.random.choice([-1, 5])
                references.append(spead2.send.HeapReference(self.random.choice(heaps), cnt=cnt))
            self.keep(self.random.choice(references))
            self.keep(spead2.send.HeapReferenceList(references))

    def send_config(self) -> Any:
        options: dict[str, Any] = {
            "max_packet_size": self.random.choice([56, 100, 1472, 9000, 70000]),
            "rate": self.random.choice([0.0, 0.0, 1e9]),
            "max_heaps": self.random.choice([1, 4, 100]),
        }
        return spead2.send.StreamConfig(**options)

    def make_send_stream(self) -> None:
        config = self.send_config()
        kind = self.random.randrange(4)
        module = self.random.choice([spead2.send, spead2.send.asyncio])
        if kind == 0:
            self.keep(spead2.send.BytesStream(self.pool(), config))
        elif kind < 3:
            queue = self.keep(spead2.InprocQueue())
            self.keep(module.InprocStream(self.pool(), [queue], config))
        else:
            port = getattr(self.one_of(socket.socket), "getsockname", lambda: ("", 9))()[1]
            self.keep(module.UdpStream(self.pool(), [("127.0.0.1", port)], config))

    def make_receive_stream(self) -> None:
        config = spead2.recv.StreamConfig(
            max_heaps=self.random.choice([1, 4]),
            allow_out_of_order=self.random.random() < 0.5,
            stop_on_stop_item=self.random.random() < 0.5,
        )
        ring = spead2.recv.RingStreamConfig(
            heaps=self.random.choice([1, 4]), contiguous_only=self.random.random() < 0.5
        )
        kind = self.random.choice([spead2.recv.Stream, spead2.recv.asyncio.Stream])
        self.keep(kind(self.pool(), config, ring))

    def add_reader(self) -> None:
        stream = self.one_of(spead2.recv.Stream)
        if stream is None:
            return
        kind = self.random.randrange(4)
        if kind == 0:
            sender = self.one_of(spead2.send.BytesStream)
            stream.add_buffer_reader(sender.getvalue() if sender is not None else bytes(99))
        elif kind == 1:
            queue = self.one_of(spead2.InprocQueue)
            if queue is not None:
                stream.add_inproc_reader(queue)
        else:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind(("127.0.0.1", 0))
            self.keep(sock)
            stream.add_udp_reader(sock)

    def send(self) -> None:
        stream, heap = self.one_of(spead2.send.SyncStream), self.one_of(spead2.send.Heap)
        if stream is not None and heap is not None:
            stream.send_heap(heap)

    def send_many(self) -> None:
        stream, heaps = (
            self.one_of(spead2.send.SyncStream),
            self.one_of(spead2.send.HeapReferenceList),
        )
        if stream is not None and heaps is not None:
            stream.send_heaps(heaps, self.random.choice(list(spead2.send.GroupMode)))

    def send_asynchronously(self) -> None:
        stream = self.one_of(spead2.send.asyncio.AsyncStream)
        heap = self.one_of(spead2.send.Heap)
        heaps = self.one_of(spead2.send.HeapReferenceList)
        if stream is None or heap is None:
            return
        mode = self.random.choice(list(spead2.send.GroupMode))

        async def run() -> None:
            futures = []
            for _ in range(self.random.randrange(6)):
                if heaps is not None and self.random.random() < 0.3:
                    futures.append(stream.async_send_heaps(heaps, mode))
                else:
                    futures.append(stream.async_send_heap(heap))
                if self.random.random() < 0.2:
                    self.random.choice(futures).cancel()
            if self.random.random() < 0.5:
                await stream.async_flush()
            elif futures and self.random.random() < 0.8:
                await asyncio.wait(futures, timeout=20)

        asyncio.run(run())

    def receive(self) -> None:
        stream = self.one_of(spead2.recv.Stream)
        if stream is None:
            return
        if self.random.random() < 0.3:
            stream.stop()
        for _ in range(5):
            heap = self.keep(spead2.recv.Stream.get_nowait(stream))
            self.take_apart(heap)

    def take_apart(self, heap: Any) -> None:
        group = self.one_of(spead2.ItemGroup)
        if group is not None and isinstance(heap, spead2.recv.Heap):
            group.update(heap)
        for item in heap.get_items():
            np.asarray(item).sum()
            self.keep(item)

    def receive_asynchronously(self) -> None:
        stream = self.one_of(spead2.recv.asyncio.Stream)
        if stream is None:
            return

        async def run() -> None:
            tasks = [asyncio.ensure_future(stream.get()) for _ in range(self.random.randrange(3))]
            if self.random.random() < 0.3:
                stream.stop()
            if tasks:
                await asyncio.wait(tasks, timeout=0.01)
                for task in tasks:
                    task.cancel()
                for heap in await asyncio.gather(*tasks, return_exceptions=True):
                    if not isinstance(heap, BaseException):
                        self.take_apart(self.keep(heap))

        asyncio.run(run())

    def generate_packets(self) -> None:
        heap = self.one_of(spead2.send.Heap)
        if heap is not None:
            size = self.random.choice([56, 64, 1000, 10**6])
            packets = [bytes(p) for p in spead2.send.PacketGenerator(heap, 3, size)]
            queue = self.one_of(spead2.InprocQueue)
            if queue is not None:
                for packet in packets:
                    queue.add_packet(packet)

    # ---- Anything

    def call_anything(self) -> None:
        thing = self.some_object()
        if thing is None or isinstance(thing, (socket.socket, int)) or self.random.random() < 0.2:
            name, function = self.random.choice(list(CALLABLES.items()))
        else:
            names = [name for name in dir(thing) if not name.startswith("_")] + SPECIAL
            name = self.random.choice(names)
            function = getattr(thing, name)
            # Whoever replaces a method of his stream has it replaced.
            if not callable(function) and self.random.random() < 0.5:
                self.last = f"{type(thing).__name__}.{name} = ..."
                setattr(thing, name, self.values.anything())
                return
            name = f"{type(thing).__name__}.{name}"
        if name.rpartition(".")[2] in BLOCKING or not callable(function):
            return
        arguments = [self.values.anything() for _ in range(self.random.randrange(5))]
        if name == "spead2.ThreadPool":  # as many threads as one asks for
            arguments = arguments[1:]
        self.last = name
        result = function(*arguments)
        if asyncio.iscoroutine(result):
            result.close()
        elif type(result).__module__.startswith("spead2"):
            self.keep(result)

    def step(self) -> None:
        """Do one thing; what it raises is counted."""
        if self._depth > 1:
            return
        self._depth += 1
        try:
            if self.random.random() < 0.5:
                action = self.random.choice(self._usual)
                self.last = action.__name__
                action()
            else:
                self.call_anything()
        except (SystemError, SystemExit):
            raise
        except Exception as error:
            kind = type(error).__name__
            self.raised[kind] = self.raised.get(kind, 0) + 1
        finally:
            self._depth -= 1
            self.done += 1


def run(caller: Caller, end: float, calls: int) -> None:
    """Call until the time is up or the calls are done; end the process if something is wrong."""
    try:
        while time.monotonic() < end and caller.done < calls:
            caller.step()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        print(f"while {caller.last}, call {caller.done}", file=sys.stderr, flush=True)
        os._exit(1)


def main() -> None:
    """Start the threads and see that all of them go on."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--calls", type=int, default=10**18, help="of each thread")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    faulthandler.enable()
    logging.disable()
    warnings.simplefilter("ignore")
    sys.setswitchinterval(1e-5)

    objects: list[Any] = []
    callers = [Caller(f"{arguments.seed}/{i}", objects) for i in range(arguments.threads)]
    end = time.monotonic() + arguments.seconds
    threads = [
        threading.Thread(target=run, args=(one, end, arguments.calls), daemon=True)
        for one in callers
    ]
    for thread in threads:
        thread.start()
    seen = [(-1, 0.0)] * len(callers)
    while any(thread.is_alive() for thread in threads):
        threads[0].join(0.2)
        for i, (thread, caller) in enumerate(zip(threads, callers)):
            now = time.monotonic()
            if caller.done != seen[i][0]:
                seen[i] = (caller.done, now)
            elif thread.is_alive() and now - seen[i][1] > STUCK:
                print(f"stuck while {caller.last}, call {caller.done}", file=sys.stderr)
                faulthandler.dump_traceback(all_threads=True)
                os._exit(3)
    objects.clear()
    gc.collect()
    done = sum(caller.done for caller in callers)
    raised = sum(sum(caller.raised.values()) for caller in callers)
    kinds = sorted({kind for caller in callers for kind in caller.raised})
    print(f"{done} calls, {raised} of them raised {', '.join(kinds)}")
    print("all held")


if __name__ == "__main__":
    main()
