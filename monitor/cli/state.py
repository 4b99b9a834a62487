"""`state`: the file of the last processed messages."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import click

from monitor.cli.exits import BAD_INPUT, bad_input
from monitor.cli.home import Home, with_home
from monitor.state.file import StateFile
from monitor.state.schema import check_state


@click.group()
def state() -> None:
    """Validate, show or restore state.json."""


@state.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.pass_obj
def validate(home: Home, files: tuple[Path, ...]) -> None:
    """Check state files (default: the home's) against the JSON Schema; one line a fault."""
    bad = False
    for file in files or (home.path / "state.json",):
        try:
            data = file.read_bytes()
        except OSError as error:
            click.echo(f"{file}: cannot be read: {error.strerror}", err=True)
            bad = True
            continue
        cursors, faults = check_state(data)
        for fault in faults:
            click.echo(f"{file}:{fault.pointer or '/'}: {fault.message}", err=True)
        if cursors is None:
            bad = True
        else:
            click.echo(f"{file}: valid, {len(cursors)} groups")
    if bad:
        raise SystemExit(BAD_INPUT)


@state.command()
@with_home
def show(home: Home) -> None:
    """Print state.json, if it is valid."""
    click.echo(json.dumps(_valid(home.environment.state_path), indent=2, sort_keys=True))


@state.command()
@click.argument("file", type=click.Path(path_type=Path))
@with_home
def restore(home: Home, file: Path) -> None:
    """Replace state.json by FILE; the present one is kept beside it.

    A running service notices and goes on from the earlier place: nothing is missed, and what
    is read again changes nothing.
    """
    cursors = _valid(file)
    target = home.environment.state_path
    if target.is_file():
        kept = target.with_name(f"{target.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        try:
            shutil.copy2(target, kept)
        except OSError as error:
            bad_input(f"{target} could not be kept as {kept}: {error.strerror}; nothing changed")
        click.echo(f"kept the present state as {kept}")
    try:
        StateFile(target).save(cursors)
    except OSError as error:
        bad_input(f"{target} could not be written: {error.strerror}; it is as it was")
    click.echo(f"restored {len(cursors)} groups from {file}")


def _valid(file: Path) -> dict[str, str]:
    try:
        cursors, faults = check_state(file.read_bytes())
    except OSError as error:
        bad_input(f"{file} cannot be read: {error.strerror}")
    if cursors is None:
        bad_input(*(f"{file}:{fault.pointer or '/'}: {fault.message}" for fault in faults))
    return cursors
