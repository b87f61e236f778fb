# SPDX-License-Identifier: Apache-2.0
"""``spead2 send``: sends a file or a pattern as heaps, or a capture as it was."""

from __future__ import annotations

import dataclasses
import itertools
import sys
import time
from pathlib import Path
from typing import Any

import click

import spead2
import spead2.send

from ..parameters import Endpoint, Number, packet_size_option, reporting_options
from ..report import ExitCode, Metrics, print_json, set_up_logging
from ..sources import PATTERNS, Source, open_pattern, open_source
from ..sources.files import BadFileError
from . import _replay

TIMESTAMP_ID = 0x1000
FIRST_FIELD_ID = 0x1001
FIRST_SCALAR_ID = 0x1100


def make_group(
    source: Source, samples: int, descriptors: int, flavour: spead2.Flavour
) -> spead2.send.ItemGroup:
    """Return the item group of a source: the number of the first sample, fields, scalars."""
    group = spead2.send.ItemGroup(descriptors or None, flavour)
    group.add_item(
        TIMESTAMP_ID, "timestamp", "Number of the heap's first sample", (), format=[("u", 48)]
    )
    for index, field in enumerate(source.fields):
        group.add_item(
            FIRST_FIELD_ID + index,
            field.name,
            field.description,
            (samples, *field.shape),
            dtype=field.dtype,
        )
    scalars = dict(source.scalars)
    if source.sample_rate is not None:
        scalars["sample_rate"] = source.sample_rate
    for index, (name, value) in enumerate(scalars.items()):
        group.add_item(FIRST_SCALAR_ID + index, name, f"{name} in Hz", (), dtype=">f8", value=value)
    return group


def make_stream(options: dict[str, Any], rate: float) -> Any:
    """Return the stream; the rate is in bytes a second, 0 is without limit."""
    pool = spead2.ThreadPool()
    config = spead2.send.StreamConfig(max_packet_size=options["packet_size"], rate=rate)
    endpoints = list(options["to"])
    more: dict[str, Any] = {}
    if options["interface"]:
        more["interface_address"] = options["interface"]
    if options["tcp"]:
        return spead2.send.TcpStream(pool, endpoints, config, **more)
    if options["ttl"] is not None:
        more["ttl"] = options["ttl"]
    return spead2.send.UdpStream(pool, endpoints, config, **more)


class Progress:
    """Shows how far it is on a terminal, and nothing elsewhere."""

    def __init__(self, total: int | None, show: bool) -> None:
        self._bar: Any = None
        if show and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                DownloadColumn,
                Progress,
                TextColumn,
                TimeElapsedColumn,
                TransferSpeedColumn,
            )

            self._bar = Progress(
                TextColumn("sending"),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeElapsedColumn(),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task("sending", total=total)
            self._bar.start()

    def advance(self, size: int) -> None:
        """Count bytes that have gone."""
        if self._bar is not None:
            self._bar.advance(self._task, size)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()


def send_source(source: Source, options: dict[str, Any], metrics: Metrics) -> dict[str, Any]:
    """Send a source until it, or the number of heaps, is at its end; return what was sent."""
    samples = options["heap_samples"] or max(1, 65536 // source.bytes_per_sample)
    if options["sample_rate"]:
        source = dataclasses.replace(source, sample_rate=options["sample_rate"])
    paced = None if options["fast"] else source.sample_rate
    rate = paced * source.bytes_per_sample if paced is not None else 0.0
    flavour = spead2.Flavour(4, 64, options["address_bits"])
    group = make_group(source, samples, options["descriptors"], flavour)
    stream = make_stream(options, rate)
    substreams = 1 if options["tcp"] else len(options["to"])
    whole = None if source.length is None else source.length // samples
    if whole == 0:
        raise BadFileError(
            f"{source.name} has {source.length} samples, less than a heap's {samples}; "
            "choose fewer with --heap-samples"
        )
    once = whole if not options["loop"] else None
    limit = min((n for n in (once, options["heaps"]) if n is not None), default=None)
    total_bytes = None if limit is None else limit * samples * source.bytes_per_sample
    progress = Progress(total_bytes, not options["json"])
    sent = {"heaps": 0, "bytes": 0}
    start = time.monotonic()
    try:
        for number in itertools.count() if limit is None else range(limit):
            place = (number if whole is None else number % whole) * samples
            group["timestamp"].value = (number * samples) % (1 << 48)
            for field in source.fields:
                group[field.name].value = field.read(place, samples)
            heap = group.get_heap()
            for substream in range(substreams):
                sent["bytes"] += stream.send_heap(heap, cnt=number + 1, substream_index=substream)
            sent["heaps"] += 1
            metrics.set("sent_heaps", sent["heaps"])
            metrics.set("sent_bytes", sent["bytes"])
            progress.advance(samples * source.bytes_per_sample)
    except KeyboardInterrupt:
        pass
    finally:
        progress.close()
    for substream in range(substreams):
        stream.send_heap(group.get_end(), cnt=sent["heaps"] + 1, substream_index=substream)
    left = 0 if whole is None or once is None else (source.length or 0) - whole * samples
    return {
        **sent,
        "seconds": time.monotonic() - start,
        "samples_per_heap": samples,
        "left_out_samples": left if sent["heaps"] == whole else 0,
    }


@click.command("send", short_help="Send a file or a pattern.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--pattern",
    is_flag=False,
    flag_value="tone",
    type=click.Choice(list(PATTERNS)),
    help="Send a pattern in place of a file (default: tone).",
)
@click.option(
    "--to",
    multiple=True,
    type=Endpoint(),
    default=["127.0.0.1:8888"],
    show_default=True,
    help="Where to; each heap goes to each of several.",
)
@click.option("--tcp", is_flag=True, help="TCP in place of UDP.")
@click.option("--interface", help="Address of the interface to send from.")
@click.option("--ttl", type=click.IntRange(0, 255), help="Hops that multicast may take.")
@packet_size_option
@click.option("--heap-samples", type=click.IntRange(1), help="Samples a heap (default: 64 KiB).")
@click.option("--heaps", type=click.IntRange(1), help="Stop after so many heaps.")
@click.option("--loop", is_flag=True, help="Begin a file again at its end.")
@click.option(
    "--sample-rate",
    type=Number(),
    help="Samples a second (default: what the file says; 1M for patterns).",
)
@click.option("--fast", is_flag=True, help="As fast as it goes, whatever the sample rate.")
@click.option(
    "--speed",
    type=Number(),
    default=1.0,
    show_default=True,
    help="Of a capture: times its own pace.",
)
@click.option("--dtype", help="Type of raw samples, as numpy writes it (default: <c8).")
@click.option("--dataset", multiple=True, help="Array of an .npz or HDF5 file (default: all).")
@click.option(
    "--descriptors",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="Send descriptors again with every so many heaps; 0: once.",
)
@click.option(
    "--address-bits",
    type=click.Choice(["40", "48"]),
    default="40",
    show_default=True,
    help="Flavour: SPEAD-64-40 or SPEAD-64-48.",
)
@reporting_options
def command(**options: Any) -> None:
    """Send FILE, or a pattern, as heaps.

    FILE is SigMF (.sigmf-meta), WAV, numpy (.npy, .npz), HDF5 (.h5), a capture (.pcap), whose
    datagrams go as they are and when they went, or else raw samples. A heap has the item timestamp
    (number of its first sample), the samples, and what is known of them (sample_rate,
    centre_frequency). The end of the file, or Ctrl-C, sends a stop heap. Samples that do not fill a
    last heap are left out, which the result says.
    """
    set_up_logging(options["log"], options["json"])
    options["address_bits"] = int(options["address_bits"])
    path, pattern = options["file"], options["pattern"]
    if (path is None) == (pattern is None):
        raise click.UsageError("give either FILE or --pattern")
    if options["tcp"] and (len(options["to"]) > 1 or options["ttl"] is not None):
        raise click.UsageError("--tcp goes to one place, and without --ttl")
    metrics = Metrics(
        options["prometheus"],
        "127.0.0.1",
        {"sent_heaps": "Heaps sent", "sent_bytes": "Bytes of packets sent"},
    )
    if metrics.port is not None:
        click.echo(f"Prometheus: http://127.0.0.1:{metrics.port}/metrics", err=True)
    try:
        if path is not None and path.suffix.lower() in (".pcap", ".cap"):
            result = _replay.replay(path, options, metrics)
        else:
            if pattern is not None:
                source = open_pattern(pattern, options["sample_rate"] or 1e6)
            else:
                source = open_source(path, options["dtype"], options["dataset"])
            result = send_source(source, options, metrics)
    except (BadFileError, FileNotFoundError, PermissionError, IsADirectoryError) as error:
        click.echo(f"spead2 send: {error}", err=True)
        sys.exit(ExitCode.NO_INPUT)
    except (OSError, RuntimeError) as error:
        click.echo(f"spead2 send: {error}", err=True)
        sys.exit(ExitCode.NETWORK)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if options["json"]:
        print_json(result)
        return
    what = f"{result['heaps']} heaps" if "heaps" in result else f"{result['datagrams']} datagrams"
    rate = result["bytes"] * 8e-6 / max(result["seconds"], 1e-9)
    click.echo(f"Sent {what}, {result['bytes']} bytes, {rate:.3f} Mbit/s")
    if result.get("left_out_samples"):
        click.echo(f"Left out {result['left_out_samples']} samples that do not fill a heap")
