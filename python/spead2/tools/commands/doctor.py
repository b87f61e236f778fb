# SPDX-License-Identifier: Apache-2.0
"""``spead2 doctor``: says what on this machine would lose data, and the command that mends it."""

from __future__ import annotations

import sys

import click

from ..machine import Finding, State, examine
from ..report import ExitCode, print_json

_STYLES = {
    State.GOOD: "green",
    State.NOTE: "yellow",
    State.FAULT: "bold red",
    State.UNKNOWN: "magenta",
}


def _show(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        line = Text(f"{finding.state.value:>7}  ", style=_STYLES[finding.state])
        line.append(f"{finding.name}: {finding.text}", style="default")
        console.print(line)
        if finding.command:
            console.print(Text(f"         mend it: {finding.command}", style="cyan"))


@click.command("doctor", short_help="Look whether this machine is fit.")
@click.argument("destination", nargs=-1)
@click.option(
    "--packet-size",
    type=click.IntRange(56, 65507),
    default=1472,
    show_default=True,
    help="Packets that the way to each destination must take.",
)
@click.option(
    "--buffer",
    "buffer_size",
    type=click.IntRange(1),
    default=8 << 20,
    show_default=True,
    help="Receive buffer that sockets must get, in bytes.",
)
@click.option("--json", is_flag=True, help="Findings as JSON.")
def command(destination: tuple[str, ...], packet_size: int, buffer_size: int, json: bool) -> None:
    """Look at this machine, and at the way to each DESTINATION (host, address or group).

    It changes nothing. The exit code is 1 if there is a fault: something by which data is lost or
    what was asked cannot work.
    """
    findings = examine(list(destination), packet_size, buffer_size)
    faults = sum(finding.state is State.FAULT for finding in findings)
    if json:
        print_json(
            {
                "faults": faults,
                "findings": [
                    {**finding.__dict__, "state": finding.state.value} for finding in findings
                ],
            }
        )
    else:
        _show(findings)
        click.echo(f"{faults} faults" if faults != 1 else "1 fault")
    sys.exit(ExitCode.FAULT if faults else ExitCode.GOOD)
