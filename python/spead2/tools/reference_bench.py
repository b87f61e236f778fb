# SPDX-License-Identifier: Apache-2.0
"""The command spead2_bench.py: options and lines are the reference package's; ours talk to ours."""

from __future__ import annotations

import argparse
import logging

import spead2

from .benchmark import Ibv, Master, Sending, Trial, serve
from .reference_options import (
    RECEIVED_HEAPS,
    add_ibv_options,
    add_log_option,
    add_pacing_options,
    endpoint,
)


def _add_sender_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--addr-bits", type=int, default=40, help="Heap address bits [%(default)s]")
    add_pacing_options(add)
    add("--ttl", type=int, help="TTL for multicast target")
    add("--send-buffer", type=int, help="Socket buffer size")
    add("--send-bind", default="", help="Interface address")
    add_ibv_options(add, "send-")
    add("--send-affinity", type=spead2.parse_range_list, help="List of CPUs to pin threads to")
    add("--send-threads", type=int, default=1, help="Number of worker threads [%(default)s]")


def _add_receiver_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--memcpy-nt", action="store_true", help="Use non-temporal memcpy")
    for name, default, text in (
        *RECEIVED_HEAPS,
        ("mem-max-free", 12, "Maximum free memory buffers"),
        ("mem-initial", 8, "Initial free memory buffers"),
    ):
        add(f"--{name}", type=int, default=default, help=f"{text} [%(default)s]")
    add("--packet", type=int, default=1472, help="Maximum packet size to send and accept")
    add("--recv-buffer", type=int, help="Socket buffer size")
    add("--recv-bind", default="", help="Interface address")
    add_ibv_options(add, "recv-")
    add("--recv-affinity", type=spead2.parse_range_list, help="List of CPUs to pin threads to")
    add("--recv-threads", type=int, default=1, help="Number of worker threads [%(default)s]")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="spead2_bench.py")
    add_log_option(parser.add_argument)
    commands = parser.add_subparsers(title="subcommands", dest="command", required=True)
    master = commands.add_parser("master")
    master.add_argument("destination", metavar="HOST:PORT", type=endpoint)
    master.add_argument("--quiet", action="store_true", help="Print only the final result")
    master.add_argument(
        "--heap-size",
        metavar="BYTES",
        type=int,
        default=4194304,
        help="Payload size for heap [%(default)s]",
    )
    master.add_argument("--multicast", metavar="ADDRESS", help="Send via multicast group [unicast]")
    master.add_argument("--pyspead", action="store_true", help="Be bug-compatible with PySPEAD")
    _add_sender_options(master.add_argument_group("sender options"))
    _add_receiver_options(master.add_argument_group("receiver options"))
    agent = commands.add_parser("agent")
    agent.add_argument("port", type=int)
    return parser


def run_master(options: argparse.Namespace) -> int:
    """Search, and print what is found."""
    sending = Sending(
        heap_size=options.heap_size,
        packet=options.packet,
        burst=options.burst,
        burst_rate_ratio=options.burst_rate_ratio,
        max_heaps=options.max_heaps,
        rate_method=options.rate_method,
        address_bits=options.addr_bits,
        bug_compat=spead2.BUG_COMPAT_PYSPEAD_0_5_2 if options.pyspead else 0,
        threads=options.send_threads,
        affinity=options.send_affinity or [],
        buffer=options.send_buffer,
        bind=options.send_bind,
        ttl=options.ttl,
        multicast=options.multicast,
        ibv=Ibv(options.send_ibv_vector, options.send_ibv_max_poll) if options.send_ibv else None,
    )
    receiving = {
        "memcpy_nt": options.memcpy_nt,
        "concurrent_heaps": options.concurrent_heaps,
        "substreams": options.substreams,
        "ring_heaps": options.ring_heaps,
        "mem_max_free": options.mem_max_free,
        "mem_initial": options.mem_initial,
        "packet": options.packet,
        "buffer": options.recv_buffer,
        "bind": options.recv_bind,
        "affinity": options.recv_affinity or [],
        "threads": options.recv_threads,
    }
    if options.recv_ibv:
        receiving["ibv"] = {
            "comp_vector": options.recv_ibv_vector,
            "max_poll": options.recv_ibv_max_poll,
        }

    def report(trial: Trial) -> None:
        if options.quiet:
            return
        if trial.rate == 0:
            print(f"Send rate: {trial.actual * 8e-9:.3f} Gbps", flush=True)
        verdict = "GOOD" if trial.good else "BAD"
        rate, actual = (trial.rate or trial.actual) * 8e-9, trial.actual * 8e-9
        print(f"Rate: {rate:.3f} Gbps ({actual:.3f} actual): {verdict}", flush=True)

    master = Master(options.destination, sending, receiving)
    try:
        best = master.search(report)
    finally:
        master.close()
    print(f"Sustainable rate: {best * 8e-9:.3f} Gbps")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.command == "master":
        if options.send_ibv and not options.multicast:
            parser.error("--send-ibv requires --multicast")
        if options.send_ibv and not options.send_bind:
            parser.error("--send-ibv requires --send-bind")
        if options.recv_ibv and not options.recv_bind:
            parser.error("--recv-ibv requires --recv-bind")
    logging.basicConfig(level=options.log.upper())
    try:
        if options.command == "agent":
            serve(options.port)
            return 0
        return run_master(options)
    except KeyboardInterrupt:
        return 0
