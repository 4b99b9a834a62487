"""`db`: the store's tables."""

import click

from monitor.cli.exits import problem
from monitor.cli.home import Home, with_home


@click.group()
def db() -> None:
    """Prepare or check the store."""


@db.command()
@with_home
def migrate(home: Home) -> None:
    """Bring the store's tables up to date; a column that exists is never changed."""
    done = home.store.migrate()
    for name in done:
        click.echo(f"applied {name}")
    if not done:
        click.echo("schema is up to date")


@db.command()
@with_home
def check(home: Home) -> None:
    """Tell whether the store can be reached and fits; changes nothing."""
    faults = home.store.faults()
    if faults:
        problem(*faults)
    click.echo(f"{home.store.address}: fit")
