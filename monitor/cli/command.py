"""The command line and its commands."""

from importlib import import_module
from pathlib import Path

import click

from monitor import __version__
from monitor.cli.home import Home

COMMANDS = (
    *("answers", "audit", "config", "db", "demo", "drops", "groups"),
    *("replay", "run", "scan", "state", "status"),
)
"""Each is a module of this package, and in it a command, of that name."""


class Commands(click.Group):
    """Commands that are imported when they are asked for: each starts the sooner for it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """See click."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """See click."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"monitor.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="WA_MONITOR_HOME",
    default=Path(),
    show_default="the current folder",
    help="The environment's folder, such as /opt/wa-monitor/prod.",
)
@click.version_option(__version__, prog_name="wa-monitor")
@click.pass_context
def main(context: click.Context, home: Path) -> None:
    """Turn drop numbers posted in WhatsApp groups into rows for the QA office."""
    context.obj = Home(home.absolute())
