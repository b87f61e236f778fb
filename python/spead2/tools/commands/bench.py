# SPDX-License-Identifier: Apache-2.0
"""``spead2 bench``: the fastest rate without loss between two ends, with a picture of it."""

from __future__ import annotations

import sys
from typing import Any

import click

from ..benchmark import Master, Sending, Trial, serve
from ..parameters import Endpoint, packet_size_option
from ..report import ExitCode, print_json, set_up_logging


def picture(trials: list[Trial]) -> str:
    """Return a bar for each rate that was tried, slowest first."""
    top = max(trial.actual for trial in trials)
    lines = []
    for trial in sorted(trials, key=lambda trial: trial.actual):
        bar = "█" * max(1, round(40 * trial.actual / top))
        share = 100 * trial.received / trial.sent
        verdict = "good" if trial.good else f"{share:.2f} % arrived"
        lines.append(f"{trial.actual * 8e-9:9.3f} Gbit/s {bar:<40} {verdict}")
    return "\n".join(lines)


@click.command("bench", short_help="Find the fastest rate without loss.")
@click.argument("destination", type=Endpoint(), required=False)
@click.option(
    "--agent",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Be the receiving end, at this TCP and UDP port, until Ctrl-C.",
)
@click.option(
    "--heap-size",
    type=click.IntRange(1),
    default=4 << 20,
    show_default=True,
    help="Payload of a heap in bytes.",
)
@packet_size_option
@click.option("--buffer", type=click.IntRange(1), help="Receive buffer of the agent in bytes.")
@click.option("--json", is_flag=True, help="Result as JSON.")
def command(
    destination: tuple[str, int] | None,
    agent: int | None,
    heap_size: int,
    packet_size: int,
    buffer: int | None,
    json: bool,
) -> None:
    """Search for the fastest rate at which every heap arrives at DESTINATION (HOST:PORT).

    Start "spead2 bench --agent PORT" there first. A trial takes a second, a search ten or less. The
    exit code is 1 if there is no such rate.
    """
    set_up_logging("error", json)
    if (destination is None) == (agent is None):
        raise click.UsageError("give either DESTINATION or --agent")
    try:
        if agent is not None:
            serve(agent, ready=lambda port: click.echo(f"Listening at port {port}"))
            return
        assert destination is not None
        receiving = {"buffer": buffer, "packet": packet_size, "ring_heaps": 16}
        master = Master(destination, Sending(heap_size=heap_size, packet=packet_size), receiving)
        trials: list[Trial] = []

        def report(trial: Trial) -> None:
            trials.append(trial)
            if not json:
                verdict = "good" if trial.good else f"{trial.sent - trial.received} heaps lost"
                click.echo(f"{trial.actual * 8e-9:.3f} Gbit/s: {verdict}")

        best = master.search(report)
        master.close()
    except KeyboardInterrupt:
        sys.exit(ExitCode.GOOD)
    except (OSError, RuntimeError) as error:
        click.echo(f"spead2 bench: {error}", err=True)
        sys.exit(ExitCode.NETWORK)
    result: dict[str, Any] = {
        "bits_per_second": best * 8,
        "trials": [{**trial.__dict__, "good": trial.good} for trial in trials],
    }
    if json:
        print_json(result)
    else:
        click.echo(f"\n{picture(trials)}\n\nFastest without loss: {best * 8e-9:.3f} Gbit/s")
    sys.exit(ExitCode.GOOD if best else ExitCode.FAULT)
