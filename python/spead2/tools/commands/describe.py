# SPDX-License-Identifier: Apache-2.0
"""``spead2 describe``: listens and says what a stream consists of, and how to receive it."""

from __future__ import annotations

import re
import sys
import threading
import time
from typing import Any

import click
import numpy as np

import spead2

from ..parameters import Endpoint, joining_interface_option
from ..receiving import lost_heaps, open_stream
from ..report import ExitCode, print_json, set_up_logging


def listen(stream: Any, seconds: float) -> dict[str, Any]:
    """Take heaps for a time; return what was learned."""
    timer = threading.Timer(seconds, stream.stop)
    timer.start()
    group = spead2.ItemGroup()
    counts: dict[str, int] = {}
    sizes: dict[str, int] = {}
    flavour = None
    times: list[float] = []
    cnts: list[int] = []
    undescribed: dict[int, int] = {}
    try:
        for heap in stream:
            times.append(time.monotonic())
            cnts.append(heap.cnt)
            flavour = heap.flavour
            for name, item in group.update(heap).items():
                counts[name] = counts.get(name, 0) + 1
                sizes[name] = getattr(item.value, "nbytes", (item.itemsize_bits + 7) // 8)
            known = set(group.ids())
            for raw in heap.get_items():
                if raw.id not in known and raw.id != spead2.STREAM_CTRL_ID:
                    undescribed[raw.id] = undescribed.get(raw.id, 0) + 1
    except KeyboardInterrupt:
        pass
    finally:
        timer.cancel()
        stream.stop()
    stats = stream.stats
    heaps = len(cnts)
    span = times[-1] - times[0] if heaps > 1 else 0.0
    steps = {later - earlier for earlier, later in zip(cnts, cnts[1:])}
    items = [
        {
            "id": item.id,
            "name": item.name,
            "description": item.description,
            "shape": list(item.shape),
            "type": str(item.dtype) if item.dtype is not None else str(item.format),
            "heaps": counts.get(item.name, 0),
            "bytes": sizes.get(item.name, 0),
        }
        for item in sorted(group.values(), key=lambda item: item.id)
    ]
    return {
        "heaps": heaps,
        "flavour": f"SPEAD-64-{flavour.heap_address_bits}" if flavour is not None else None,
        "heaps_per_second": (heaps - 1) / span if span else None,
        "packets": stats["packets"],
        "lost_heaps": lost_heaps(stats),
        "cnt_step": next(iter(steps)) if len(steps) == 1 else None,
        "items": items,
        "undescribed": {f"{number:#x}": count for number, count in sorted(undescribed.items())},
    }


def python_lines(endpoint: tuple[str, int], tcp: bool, result: dict[str, Any]) -> str:
    """Return a program that receives the stream."""
    host, port = endpoint
    reader = "add_tcp_reader" if tcp else "add_udp_reader"
    name = next((item["name"] for item in result["items"] if item["shape"]), "name")
    return (
        "import spead2.recv\n\n"
        "stream = spead2.recv.Stream(spead2.ThreadPool())\n"
        f"stream.{reader}({port}, bind_hostname={host!r})\n"
        "group = spead2.ItemGroup()\n"
        "for heap in stream:\n"
        "    group.update(heap)\n"
        f"    print(group[{name!r}].value)\n"
    )


#: Types that streams of GNU Radio have.
_SAMPLES = re.compile(r"u?int(8|16|32|64)|float(32|64)|complex(64|128)")


def gnuradio_lines(endpoint: tuple[str, int], tcp: bool, result: dict[str, Any]) -> str | None:
    """Return a flowgraph that receives the arrays of the stream; None if GNU Radio has no such."""
    ports = []
    for item in result["items"]:
        name = item["type"].lstrip("<>|=")
        try:
            name = np.dtype(name).name
        except TypeError:
            continue  # bits that numpy has no type for
        if item["shape"] and _SAMPLES.fullmatch(name):
            described = (item["id"], item["name"], item["description"], name)
            shape = tuple(item["shape"][1:])
            words = ", ".join([hex(described[0]), *map(repr, described[1:])])
            ports.append(f"spead2.item({words}{f', {shape}' if shape else ''})")
    if not ports:
        return None
    source = "tcp_heap_source" if tcp else "udp_heap_source"
    lines = [f"source = spead2.{source}({endpoint!r}, [", *(f"    {port}," for port in ports), "])"]
    for i in range(len(ports)):
        size = f"source.output_signature().sizeof_stream_item({i})"
        lines.append(f"top.connect((source, {i}), blocks.null_sink({size}))")
    head = "from gnuradio import blocks, gr\nfrom gnuradio import spead2\n\ntop = gr.top_block()\n"
    return head + "\n".join(lines) + "\ntop.run()\n"


@click.command("describe", short_help="Say what a stream consists of.")
@click.argument("source", type=Endpoint(), default="127.0.0.1:8888", required=False)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=5.0,
    show_default=True,
    help="Listen so long.",
)
@click.option("--capture", type=click.Path(exists=True), help="Read a capture (pcap) instead.")
@click.option("--tcp", is_flag=True, help="TCP in place of UDP.")
@joining_interface_option
@click.option("--json", is_flag=True, help="Result as JSON.")
def command(
    source: tuple[str, int],
    seconds: float,
    capture: str | None,
    tcp: bool,
    interface: str | None,
    json: bool,
) -> None:
    """Listen at SOURCE (HOST:PORT), and say which items come, how often, and what is lost.

    Items without a descriptor are named too; a sender may repeat descriptors only now and then, so
    listen long enough. The exit code is 3 if nothing came.
    """
    set_up_logging("error", json)
    try:
        stream = open_stream(source, tcp=tcp, capture=capture, interface=interface)
    except (OSError, RuntimeError, ValueError) as error:
        click.echo(f"spead2 describe: {error}", err=True)
        sys.exit(ExitCode.NO_INPUT if capture else ExitCode.NETWORK)
    result = listen(stream, seconds)
    result["python"] = python_lines(source, tcp, result)
    result["gnuradio"] = gnuradio_lines(source, tcp, result)
    if json:
        print_json(result)
    else:
        show(result)
    sys.exit(ExitCode.GOOD if result["heaps"] else ExitCode.NO_INPUT)


def show(result: dict[str, Any]) -> None:
    """Print the result for people."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not result["heaps"]:
        console.print("Nothing came.")
        return
    rate = result["heaps_per_second"]
    console.print(
        f"{result['flavour']}, {result['heaps']} heaps"
        + (f", {rate:.3g} a second" if rate else "")
        + (f", cnt steps {result['cnt_step']}" if result["cnt_step"] else "")
        + f", {result['packets']} packets, {result['lost_heaps']} heaps lost"
    )
    table = Table()
    for heading in ("ID", "item", "shape", "type", "bytes", "in heaps", "description"):
        table.add_column(heading)
    for item in result["items"]:
        words = [item["name"], str(tuple(item["shape"])), item["type"], str(item["bytes"])]
        words += [str(item["heaps"]), item["description"]]
        table.add_row(f"{item['id']:#x}", *words)
    console.print(table)
    for number, count in result["undescribed"].items():
        console.print(f"Item {number} without a descriptor in {count} heaps")
    console.print("\nTo receive it in Python:\n")
    print(result["python"])
    if result["gnuradio"] is not None:
        console.print("In GNU Radio:\n")
        print(result["gnuradio"])
