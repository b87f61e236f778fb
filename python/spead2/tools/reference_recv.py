# SPDX-License-Identifier: Apache-2.0
"""The command spead2_recv.py: shows heaps; options and output are the reference package's.

argparse, since scripts may abbreviate options, as they can with the reference.
"""

from __future__ import annotations

import argparse
import logging
import threading
from typing import Any

import spead2
import spead2.recv

from .endpoints import parse_endpoint
from .reference_options import (
    RECEIVED_HEAPS,
    add_log_option,
    add_machine_options,
    add_protocol_options,
)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="spead2_recv.py", description="Show received heaps.")
    parser.add_argument("source", nargs="+", help="Sources (filename, host:port or port)")
    output = parser.add_argument_group("Output options")
    add_log_option(output.add_argument)
    output.add_argument("--values", action="store_true", help="Show heap values")
    output.add_argument("--descriptors", action="store_true", help="Show descriptors")
    inputs = parser.add_argument_group("Input options")
    inputs.add_argument("--max-heaps", type=int, help="Stop receiving after this many heaps")
    inputs.add_argument("--joint", action="store_true", help="Treat all sources as a single stream")
    add_performance_options(parser.add_argument_group("Protocol and performance options"))
    return parser


def add_performance_options(group: Any) -> None:
    """Add the options that say how a stream receives."""
    add = group.add_argument
    add_protocol_options(add)
    add("--memcpy-nt", action="store_true", help="Use non-temporal memcpy")
    for name, default, text in RECEIVED_HEAPS:
        add(f"--{name}", type=int, default=default, help=f"{text} [%(default)s]")
    add("--mem-pool", action="store_true", help="Use a memory pool")
    for name, default, text in (
        ("lower", 16384, "Minimum allocation which will use the memory pool"),
        ("upper", 32 * 1024**2, "Maximum allocation which will use the memory pool"),
        ("max-free", 12, "Maximum free memory buffers"),
        ("initial", 8, "Initial free memory buffers"),
    ):
        add(f"--mem-{name}", type=int, default=default, help=f"{text} [%(default)s]")
    add("--packet", type=int, help="Maximum packet size to accept")
    add("--buffer", type=int, help="Socket buffer size")
    add("--bind", default="", help="Interface address")
    add_machine_options(add)


def network_source(text: str) -> tuple[str, int] | None:
    """Return the host and port of a network source; None for the name of a file."""
    if text.isascii() and text.isdigit():
        return "", int(text)
    try:
        return parse_endpoint(text)
    except ValueError:
        return None


def make_stream(options: argparse.Namespace, sources: list[str]) -> Any:
    """Return a stream that reads the sources."""
    config = spead2.recv.StreamConfig(
        max_heaps=options.concurrent_heaps,
        substreams=options.substreams,
        bug_compat=spead2.BUG_COMPAT_PYSPEAD_0_5_2 if options.pyspead else 0,
    )
    if options.memcpy_nt:
        config.memcpy = spead2.MEMCPY_NONTEMPORAL
    if options.mem_pool:
        config.memory_allocator = spead2.MemoryPool(
            options.mem_lower, options.mem_upper, options.mem_max_free, options.mem_initial
        )
    ring_config = spead2.recv.RingStreamConfig(heaps=options.ring_heaps)
    pool = spead2.ThreadPool(options.threads, options.affinity or [])
    stream: Any = spead2.recv.Stream(pool, config, ring_config)
    endpoints = []
    for source in sources:
        endpoint = network_source(source)
        if endpoint is None:
            stream.add_udp_pcap_file_reader(source)
        elif options.ibv:
            endpoints.append(endpoint)
        else:
            add_socket_reader(stream, options, *endpoint)
    if endpoints:
        ibv: dict[str, Any] = {}
        if options.packet is not None:
            ibv["max_size"] = options.packet
        if options.buffer is not None:
            ibv["buffer_size"] = options.buffer
        recv: Any = spead2.recv  # not every build has what follows
        stream.add_udp_ibv_reader(
            recv.UdpIbvConfig(
                endpoints=endpoints,
                interface_address=options.bind,
                comp_vector=options.ibv_vector,
                max_poll=options.ibv_max_poll,
                **ibv,
            )
        )
    return stream


def add_socket_reader(stream: Any, options: argparse.Namespace, host: str, port: int) -> None:
    """Add a TCP or UDP reader."""
    more: dict[str, Any] = {}
    if options.packet is not None:
        more["max_size"] = options.packet
    if options.buffer is not None:
        more["buffer_size"] = options.buffer
    if options.tcp:
        stream.add_tcp_reader(port, bind_hostname=host, **more)
    elif host and options.bind:
        stream.add_udp_reader(host, port, interface_address=options.bind, **more)
    else:
        stream.add_udp_reader(port, bind_hostname=host, **more)


class Printer:
    """Prints what a stream gives; several take turns by the heap."""

    _lock = threading.Lock()

    def __init__(self, options: argparse.Namespace, stream: Any, name: str) -> None:
        self._options = options
        self._stream = stream
        self._name = name
        self._heaps = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        """Print until the stream ends or has given as many heaps as were asked for."""
        group = spead2.ItemGroup()
        try:
            for heap in self._stream:
                with self._lock:
                    self._show(heap, group)
                self._heaps += 1
                if self._heaps == self._options.max_heaps:
                    self._stream.stop()
                    return
        except Exception as error:  # raised again by the main thread
            self.error = error
            return
        with self._lock:
            print(f"Shutting down stream {self._name} after {self._heaps} heaps")
            for name, value in self._stream.stats.items():
                print(f"{name}: {value}")

    def _show(self, heap: Any, group: spead2.ItemGroup) -> None:
        print(f"Received heap {heap.cnt} on stream {self._name}")
        if self._options.descriptors:
            for raw in heap.get_descriptors():
                descriptor = spead2.Descriptor.from_raw(raw, heap.flavour)
                print(
                    f"    Descriptor for {descriptor.name} ({descriptor.id:#x})\n"
                    f"      description: {descriptor.description}\n"
                    f"      format:      {descriptor.format}\n"
                    f"      dtype:       {descriptor.dtype}\n"
                    f"      shape:       {descriptor.shape}"
                )
        for name, item in group.update(heap).items():
            print(f"{name} = {item.value}" if self._options.values else name)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.ibv and not options.bind:
        parser.error("--ibv requires --bind")
    if options.tcp and options.ibv:
        parser.error("--ibv and --tcp are incompatible")
    if options.ibv and not hasattr(spead2.recv.Stream, "add_udp_ibv_reader"):
        parser.error("this version cannot receive through ibverbs")
    logging.basicConfig(level=options.log.upper())
    sources = [options.source] if options.joint else [[source] for source in options.source]
    printers = []
    threads = []
    streams = []
    for names in sources:
        stream = make_stream(options, names)
        streams.append(stream)
        printers.append(Printer(options, stream, " ".join(names)))
        threads.append(threading.Thread(target=printers[-1].run))
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        for stream in streams:
            stream.stop()
        for thread in threads:
            thread.join()
    for printer in printers:
        if printer.error is not None:
            raise printer.error
    return 0
