# SPDX-License-Identifier: Apache-2.0
"""The command ``spead2``: finds its sub-commands, each a module of spead2.tools.commands.

A sub-command is imported when it is asked for, so that none pays for what another needs.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

#: In the order in which the help lists them.
COMMANDS = ("send", "recv", "describe", "bench", "capture", "doctor")

try:
    import click
except ImportError:
    click = None  # type: ignore[assignment]

if click is not None:

    class _Commands(click.Group):
        def list_commands(self, ctx: click.Context) -> list[str]:
            return list(COMMANDS)

        def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
            if name not in COMMANDS:
                return None
            module = importlib.import_module(f"{__package__}.commands.{name}")
            command: click.Command = module.command
            return command

    @click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
    @click.version_option(package_name="gr-spead2", message="%(prog)s of gr-spead2 %(version)s")
    def spead2() -> None:
        """Send and receive SPEAD streams, and look after the machine that does.

        Exit codes: 0 good; 1 something is wrong (a fault found, data lost); 2 the command line
        cannot work; 3 no input (a file that cannot be read, nothing came); 4 the network refuses.

        Completion: eval "$(_SPEAD2_COMPLETE=bash_source spead2)", or zsh_source, fish_source.
        """


def main(arguments: list[str] | None = None) -> Any:
    """Run the command."""
    if click is None:
        sys.exit("spead2: its commands need more packages: pip install 'gr-spead2[tools]'")
    return spead2.main(arguments, prog_name="spead2")
