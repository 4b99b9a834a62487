"""`replay`: the dead letters, or a group, once more."""

from datetime import datetime

import click

from monitor.bridge.reader import BridgeReader
from monitor.cli.exits import BAD_INPUT, PROBLEM, bad_input
from monitor.cli.home import Home, with_home
from monitor.cli.moment import Moment
from monitor.cli.progress import progress
from monitor.cli.summary import summary
from monitor.service.intake import Projects
from monitor.service.replay import replay_dead_letters, replay_group
from monitor.settings.projects import load_projects
from monitor.store.counting import total


@click.command()
@click.option("--group", metavar="NAME|JID", help="A project's group, by name or JID.")
@click.option("--since", type=Moment(), help="From when on; goes with --group.")
@with_home
def replay(home: Home, group: str | None, since: datetime | None) -> None:
    """Try the dead letters again, or a group since a time."""
    if (group is None) != (since is None):
        bad_input("--group and --since go together")
    home.store.migrate()
    instance = home.environment.instance
    if group is None or since is None:
        with progress("Replaying", "letters") as show:
            settled = replay_dead_letters(home.reader, home.store, instance, home.projects, show)
        left = total(home.store.counts().values()).dead_letters
        click.echo(f"{summary(settled)}; {left} dead letters are left")
        raise SystemExit(PROBLEM if left else 0)
    only = [
        each
        for each in load_projects(home.environment.projects_path)
        if group in (each.name, each.group_jid) and each.enabled
    ]
    if not only:
        known = ", ".join(home.projects.names.values())
        click.echo(f"wa-monitor: no watched project is {group!r}; there are: {known}", err=True)
        raise SystemExit(BAD_INPUT)
    projects = Projects(only)
    reader = BridgeReader(home.environment.bridge_path, projects.prefilters)
    with progress("Replaying") as show:
        settled = replay_group(reader, home.store, instance, projects, since, show)
    click.echo(summary(settled))
