# SPDX-License-Identifier: Apache-2.0
"""``spead2 recv``: shows items as they come, or keeps them in a file."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

import spead2

from ..parameters import (
    Endpoint,
    joining_interface_option,
    receive_buffer_option,
    reporting_options,
)
from ..receiving import COUNTERS, lost_heaps, open_stream
from ..recordings import Recording, create
from ..report import ExitCode, Metrics, print_json, set_up_logging


class Live:
    """A table of the items in a terminal, drawn four times a second; nothing elsewhere."""

    def __init__(self, show: bool) -> None:
        self._live: Any = None
        self._next = 0.0
        if show and sys.stdout.isatty():
            from rich.live import Live as RichLive

            self._live = RichLive(refresh_per_second=4)
            self._live.start()

    def update(self, group: spead2.ItemGroup, heaps: int, stats: Any) -> None:
        """Draw it, unless that was just done."""
        if self._live is None or time.monotonic() < self._next:
            return
        from rich.table import Table

        self._next = time.monotonic() + 0.25
        table = Table(title=f"{heaps} heaps, {lost_heaps(stats)} lost")
        for heading in ("ID", "item", "shape", "value"):
            table.add_column(heading, overflow="ellipsis", no_wrap=True)
        for item in group.values():
            text = " ".join(str(item.value).split())[:200]
            table.add_row(f"{item.id:#x}", item.name, str(tuple(item.shape)), text)
        self._live.update(table)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()


def receive(
    stream: Any, recording: Recording | None, options: dict[str, Any], metrics: Metrics
) -> dict[str, Any]:
    """Take heaps until the stream ends; return what came."""
    group = spead2.ItemGroup()
    live = Live(recording is None and not options["json"])
    heaps = 0
    sizes = 0
    start = time.monotonic()
    try:
        for heap in stream:
            if heap.is_start_of_stream():
                continue
            changed = group.update(heap)
            heaps += 1
            for name, item in changed.items():
                sizes += getattr(item.value, "nbytes", 0)
                if recording is not None:
                    recording.write(name, item.value)
            stats = stream.stats
            for name in COUNTERS:
                metrics.set(name, stats[name])
            live.update(group, heaps, stats)
            if heaps == options["heaps"]:
                break
    except KeyboardInterrupt:
        pass
    finally:
        live.close()
        stream.stop()
    stats = stream.stats
    return {
        "heaps": heaps,
        "bytes": sizes,
        "seconds": time.monotonic() - start,
        "lost_heaps": lost_heaps(stats),
        "items": {item.name: list(item.shape) for item in group.values()},
        "stats": dict(stats.items()),
    }


@click.command("recv", short_help="Show what comes, or keep it in a file.")
@click.argument("source", type=Endpoint(), default="127.0.0.1:8888", required=False)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="Keep it: .sigmf-meta (samples of one item), .h5 or .npz (all items).",
)
@click.option("--item", help="The item whose samples SigMF gets (default: the first array).")
@click.option("--capture", type=click.Path(exists=True), help="Read a capture (pcap) instead.")
@click.option("--tcp", is_flag=True, help="TCP in place of UDP.")
@joining_interface_option
@receive_buffer_option(8 << 20)
@click.option("--heaps", type=click.IntRange(1), help="Stop after so many heaps.")
@reporting_options
def command(**options: Any) -> None:
    """Receive heaps at SOURCE (HOST:PORT; a multicast group is joined) until a stop heap or Ctrl-C.

    A terminal shows the items as they change. The exit code is 1 if heaps were lost, 3 if none
    came.
    """
    set_up_logging(options["log"], options["json"])
    try:
        recording = create(options["output"], options["item"]) if options["output"] else None
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from None
    metrics = Metrics(options["prometheus"], "127.0.0.1", COUNTERS)
    if metrics.port is not None:
        click.echo(f"Prometheus: http://127.0.0.1:{metrics.port}/metrics", err=True)
    try:
        stream = open_stream(
            options["source"],
            tcp=options["tcp"],
            capture=options["capture"],
            interface=options["interface"],
            buffer_size=options["buffer"],
        )
    except (OSError, RuntimeError, ValueError) as error:
        click.echo(f"spead2 recv: {error}", err=True)
        sys.exit(ExitCode.NO_INPUT if options["capture"] else ExitCode.NETWORK)
    try:
        result = receive(stream, recording, options, metrics)
    except ValueError as error:
        click.echo(f"spead2 recv: {error}", err=True)
        sys.exit(ExitCode.FAULT)
    finally:
        if recording is not None:
            recording.close()
    if options["json"]:
        print_json(result)
    else:
        click.echo(
            f"Received {result['heaps']} heaps, {result['bytes']} bytes of values; "
            f"{result['lost_heaps']} heaps lost"
        )
    if result["heaps"] == 0:
        sys.exit(ExitCode.NO_INPUT)
    sys.exit(ExitCode.FAULT if result["lost_heaps"] else ExitCode.GOOD)
