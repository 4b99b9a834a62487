"""`run`: the service."""

import os

import click

from monitor.answers.courier import Courier
from monitor.cli.home import Home, with_home
from monitor.cli.progress import catching_up
from monitor.logs import set_up_logging
from monitor.release import release_of
from monitor.service.attendants import Attendants
from monitor.service.intake import Projects
from monitor.service.lock import ServiceLock
from monitor.service.memory import share_one_heap
from monitor.service.notify import Notifier
from monitor.service.service import Service
from monitor.service.state_keeper import StateKeeper
from monitor.service.tally import Tally
from monitor.settings.environment import load_environment
from monitor.settings.projects import load_projects
from monitor.state.file import StateFile
from monitor.store.open import open_store


@click.command()
@with_home
def run(home: Home) -> None:
    """Run the service: watch the bridge and deliver until stopped."""
    share_one_heap()
    environment = home.environment
    projects = home.projects
    log_fault = set_up_logging(environment.log_level, environment.log_file)
    if log_fault:
        click.echo(f"wa-monitor: {log_fault}; logging to the standard error alone", err=True)
    state = StateKeeper(StateFile(environment.state_path))
    tally = Tally()
    attendants = Attendants(
        environment, projects, lambda part: open_store(environment, part), state, tally
    )
    with catching_up() as show:
        Service(
            environment,
            projects,
            home.store,
            state,
            ServiceLock(environment.home),
            Notifier(os.environ),
            release_of(environment.home),
            lambda: load_environment(home.path, os.environ),
            lambda: Projects(load_projects(environment.projects_path)),
            tally,
            attendants,
            Courier(
                open_store(environment, "/answers"),
                environment.instance,
                environment.answering,
                attendants.looker.look_soon,
            ),
            show,
        ).run()
