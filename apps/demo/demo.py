# SPDX-License-Identifier: Apache-2.0
"""Send a signal as SPEAD heaps over UDP to a receiver in another process, and compare.

Shows a table and writes a picture; the exit status is 0 if every sample arrived as it was sent.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import numpy as np
import picture
import senders
import signals
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

ROOT = pathlib.Path(__file__).resolve().parents[2]


#: The Python that receives, and so whose package does.
RECEIVERS = {
    "own": pathlib.Path(sys.executable),
    "reference": ROOT / ".venv-reference/bin/python",
}


@contextlib.contextmanager
def run_receiver(
    python: pathlib.Path, output: pathlib.Path
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run receiver.py; gives the process and its port."""
    with subprocess.Popen(
        [python, ROOT / "apps/demo/receiver.py", output],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "recording", nargs="?", type=pathlib.Path, help="a WAV file (default: a generated signal)"
    )
    parser.add_argument("--rate", type=float, default=40e6, help="bytes per second (%(default)g)")
    parser.add_argument(
        "--heap-samples", type=int, default=8192, help="samples a heap (%(default)s)"
    )
    parser.add_argument("--packet-size", type=int, default=8972, help="bytes (%(default)s)")
    parser.add_argument(
        "--sender",
        choices=senders.available(),
        default=senders.available()[0],
        help="what sends: a GNU Radio flowgraph or the Python API (%(default)s)",
    )
    parser.add_argument(
        "--receiver",
        choices=RECEIVERS,
        default="own",
        help="who receives: this package, or the reference package (%(default)s)",
    )
    parser.add_argument(
        "--picture", type=pathlib.Path, default=pathlib.Path("build/demo.png"), help="PNG to write"
    )
    return parser.parse_args()


def main() -> int:
    """Send, receive, compare; return the exit status."""
    args = parse_arguments()
    console = Console()
    try:
        signal = signals.read_wav(args.recording) if args.recording else signals.generate()
    except (OSError, ValueError) as error:
        console.print(f"[red]{error}")
        return 2
    signal = signal.padded(args.heap_samples)
    heaps = signal.samples.reshape(-1, args.heap_samples)

    with (
        tempfile.TemporaryDirectory() as folder,
        run_receiver(RECEIVERS[args.receiver], pathlib.Path(folder) / "received.npz") as (
            receiver,
            port,
        ),
    ):
        with Progress(
            TextColumn("sending"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
        ) as progress:
            task = progress.add_task("sending", total=heaps.nbytes)
            start = time.monotonic()
            sent_bytes = senders.SENDERS[args.sender](
                signal,
                ("127.0.0.1", port),
                args.heap_samples,
                args.rate,
                args.packet_size,
                lambda done: progress.update(task, completed=done),
            )
            seconds = time.monotonic() - start
        try:
            receiver.wait(30)
        except subprocess.TimeoutExpired:
            console.print("[red]the receiver did not see the end of the stream")
            return 1
        with np.load(pathlib.Path(folder) / "received.npz") as received:
            timestamps, samples = received["timestamps"], received["samples"]

    expected = np.arange(len(heaps)) * args.heap_samples
    equal = np.array_equal(timestamps, expected) and np.array_equal(samples, heaps)

    table = Table(
        "",
        "sent",
        "received",
        title=f"{signal.name}, sent by {args.sender}, received by {args.receiver}",
    )
    table.add_row("heaps", f"{len(heaps):,}", f"{len(samples):,}")
    table.add_row("samples", f"{heaps.size:,}", f"{samples.size:,}")
    table.add_row("bytes of samples", f"{heaps.nbytes:,}", f"{samples.nbytes:,}")
    table.add_row("bytes of packets", f"{sent_bytes:,}", "")
    table.add_row("rate", f"{sent_bytes / seconds / 1e6:.1f} MB/s", "")
    table.add_row("equal", "", "[green]yes" if equal else "[red]no")
    console.print(table)

    if samples.size:
        args.picture.parent.mkdir(parents=True, exist_ok=True)
        picture.draw(signal, samples.reshape(-1), args.picture)
        console.print(f"spectra: {args.picture}")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
