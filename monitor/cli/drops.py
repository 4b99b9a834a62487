"""`drops`: the lists of valid drops."""

from collections.abc import Iterator
from pathlib import Path

import click

from monitor.cli.exits import PROBLEM, bad_input
from monitor.cli.home import Home, with_home
from monitor.cli.progress import progress
from monitor.drops.listing import read_list
from monitor.settings.projects import load_projects

PART_DROPS = 5_000
SHOWN_REFUSALS = 20


@click.group()
def drops() -> None:
    """Fill the lists of valid drops."""


@drops.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--project", required=True, metavar="NAME", help="The project's name.")
@with_home
def import_(home: Home, file: Path, project: str) -> None:
    """Add the drops of a CSV FILE to a project's list, all in one transaction.

    Lines that hold no drop are refused by number and leave the others be. Submissions that
    waited for a drop are taken in by the next audit.

    On a host the command has the rights of the service's user, who sees nobody's home folder:
    put FILE where all may read it, such as /var/tmp.
    """
    known = load_projects(home.environment.projects_path)
    named = [each for each in known if each.name == project]
    if not named:
        names = ", ".join(each.name for each in known)
        bad_input(f"no project is named {project!r}; there are: {names}")
    home.store.migrate()
    refused = 0

    def parts() -> Iterator[list[str]]:
        nonlocal refused
        part: list[str] = []
        lines = read_list(
            stream, usual=named[0].pattern is None, show=lambda done: show(done, size)
        )
        for line, drop, refusal in lines:
            if refusal:
                refused += 1
                if refused <= SHOWN_REFUSALS:
                    click.echo(f"{file}:{line}: {refusal}", err=True)
                continue
            part.append(drop)
            if len(part) >= PART_DROPS:
                yield part
                part = []
        yield part

    try:
        size = file.stat().st_size
        with file.open("rb") as stream, progress("Importing", "bytes") as show:
            added, left = home.store.lists.add(project, parts())
    except OSError as error:
        bad_input(f"{file} could not be read: {error.strerror}; nothing was added")
    if refused > SHOWN_REFUSALS:
        click.echo(f"{file}: and {refused - SHOWN_REFUSALS:,} more lines refused", err=True)
    click.echo(f"{project}: {added:,} drops added, {left:,} were there, {refused:,} lines refused")
    if not named[0].validate:
        click.echo(f"{project} does not check drops: `validate: true` in projects.yaml turns it on")
    if refused:
        raise SystemExit(PROBLEM)
