# SPDX-License-Identifier: Apache-2.0
"""Send a signal as SPEAD heaps over UDP to a receiver in another process, and compare.

Shows a table and writes a picture; the exit status is 0 if every sample arrived as it was sent.
"""

from __future__ import annotations

import contextlib
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import numpy as np
import picture
import senders
import signals
from options import parse_arguments
from rich.console import Console
from rich.markup import escape
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


def main() -> int:
    """Send, receive, compare; return the exit status."""
    args = parse_arguments()
    sender = args.sender or senders.available()[0]
    console = Console()
    try:
        signal = signals.read_wav(args.recording) if args.recording else signals.generate()
    except (OSError, ValueError) as error:
        console.print(f"[red]{escape(str(error))}")
        return 2
    heaps = signal.padded(args.heap_samples).samples.reshape(-1, args.heap_samples)

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
            sent = senders.SENDERS[sender](
                heaps,
                ("127.0.0.1", port),
                args.rate,
                args.packet_size,
                lambda done: progress.update(task, completed=done),
            )
        try:
            receiver.wait(30)
        except subprocess.TimeoutExpired:
            console.print("[red]the receiver did not see the end of the stream")
            return 1
        with np.load(pathlib.Path(folder) / "received.npz") as received:
            timestamps, samples = received["timestamps"], received["samples"]

    expected = np.arange(len(heaps)) * args.heap_samples
    # By their bytes: a number that is none is equal to itself.
    equal = np.array_equal(timestamps, expected) and samples.tobytes() == heaps.tobytes()

    table = Table(
        "",
        "sent",
        "received",
        title=escape(f"{signal.name}, sent by {sender}, received by {args.receiver}"),
    )
    table.add_row("heaps", f"{len(heaps):,}", f"{len(samples):,}")
    table.add_row("samples", f"{heaps.size:,}", f"{samples.size:,}")
    table.add_row("bytes of samples", f"{heaps.nbytes:,}", f"{samples.nbytes:,}")
    table.add_row("bytes of packets", f"{sent.packet_bytes:,}", "")
    table.add_row("rate", f"{sent.packet_bytes / sent.seconds / 1e6:.1f} MB/s", "")
    table.add_row("equal", "", "[green]yes" if equal else "[red]no")
    console.print(table)

    # Without the zeros that filled the last heap.
    if picture.draw(signal, samples.reshape(-1)[: len(signal.samples)], args.picture):
        console.print(f"spectra: {escape(str(args.picture))}")
    else:
        console.print("no picture: there are too few samples for spectra")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
