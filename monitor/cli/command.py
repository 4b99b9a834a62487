"""The command line and its commands."""

from pathlib import Path

import click

from monitor import __version__
from monitor.cli.answers import answers
from monitor.cli.config import config
from monitor.cli.db import db
from monitor.cli.delivery import audit, replay, run, scan
from monitor.cli.demo import demo
from monitor.cli.drops import drops
from monitor.cli.groups import groups
from monitor.cli.home import Home
from monitor.cli.state import state
from monitor.cli.status import status


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
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


for each in (
    *(run, scan, status, audit, replay, drops, groups, answers),
    *(state, config, db, demo),
):
    main.add_command(each)
