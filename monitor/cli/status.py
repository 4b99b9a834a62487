"""`status`: how it goes, for a person or for a program."""

import json

import click

from monitor.bridge.lag import LagGauge
from monitor.cli.board import show
from monitor.cli.exits import PROBLEM
from monitor.cli.home import Home, with_home
from monitor.overview import look_over
from monitor.status import gather

JSON_DAYS = 14


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--days",
    type=click.IntRange(1, 3660),
    help="Show messages and drops of so many days (UTC).",
)
@with_home
def status(home: Home, as_json: bool, days: int | None) -> None:
    """Show groups, cursors, lag, counts and the last error; exit code 0 if all is well."""
    reader = home.reader
    seen = gather(home.environment, home.projects, home.store, reader, LagGauge(reader))
    found = look_over(home.environment, home.projects, home.store, seen, days or JSON_DAYS)
    if as_json:
        click.echo(json.dumps(found.as_json(days or JSON_DAYS), indent=2))
    else:
        show(found, days)
    if not seen.ready:
        raise SystemExit(PROBLEM)
