"""`scan`: one pass to the end of the bridge."""

import click

from monitor.cli.exits import PROBLEM
from monitor.cli.home import Home, with_home
from monitor.cli.progress import progress
from monitor.cli.summary import summary
from monitor.logs import set_up_logging
from monitor.service.delivery import Delivery
from monitor.service.lock import ServiceLock
from monitor.service.state_keeper import StateKeeper
from monitor.state.file import StateFile


@click.command()
@with_home
def scan(home: Home) -> None:
    """Deliver all that the bridge holds now, then exit."""
    environment = home.environment
    projects = home.projects
    set_up_logging("WARNING", environment.log_file)
    lock = ServiceLock(environment.home)
    state = StateKeeper(StateFile(environment.state_path))
    state.load()
    delivery = Delivery(environment, projects, home.store, state, roomy=True)
    with progress("Delivering") as show:
        more = True
        while more:
            more = delivery.advance()
            show(delivery.rowid, delivery.last_rowid)
    state.save()
    delivery.close()
    lock.release()
    click.echo(summary(delivery.settled))
    if state.fault:
        click.echo(f"wa-monitor: {state.fault}", err=True)
        raise SystemExit(PROBLEM)
