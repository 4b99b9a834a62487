"""`config`: projects.yaml and .env."""

import os
from pathlib import Path

import click

from monitor.cli.exits import BAD_INPUT
from monitor.cli.home import Home, with_home
from monitor.settings.environment import load_environment
from monitor.settings.faults import Fault, SettingsError
from monitor.settings.projects import load_projects
from monitor.settings.urls import mask_url


@click.group()
def config() -> None:
    """Validate or show the settings."""


@config.command()
@click.option(
    "--as",
    "kind",
    type=click.Choice(["projects", "env"]),
    help="What FILES are; by default those ending in .env are settings, others projects.",
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.pass_obj
def validate(home: Home, kind: str | None, files: tuple[Path, ...]) -> None:
    """Check the home's settings, or FILES; one line a fault."""
    faults: list[Fault] = []
    for file in files or (home.path / "config" / "projects.yaml", home.path / ".env"):
        try:
            if kind == "env" or (kind is None and file.name.endswith(".env")):
                load_environment(home.path, {} if files else os.environ, file)
            else:
                load_projects(file)
        except SettingsError as error:
            faults += error.faults
        else:
            click.echo(f"{file}: valid")
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        raise SystemExit(BAD_INPUT)


@config.command()
@with_home
def show(home: Home) -> None:
    """Print the settings that hold, with secrets masked."""
    environment = home.environment
    url = environment.database_url
    click.echo(f"home           {environment.home}")
    click.echo(f"instance       {environment.instance}")
    click.echo(f"bridge         {environment.bridge_path}")
    click.echo(f"store          {mask_url(url) if url else home.store.address}")
    click.echo(f"scan interval  {environment.scan_interval:g} s")
    click.echo(f"log            {environment.log_level} {environment.log_file or ''}".rstrip())
    answering = environment.answering
    click.echo(
        f"answers        {answering.mode}, through {answering.sender_url},"
        f" then {answering.bridge_url}"
    )
    watching = environment.watching
    click.echo(f"http           {watching.http_port or 'off'}")
    click.echo(f"audit          {_every(watching.audit_interval)}")
    click.echo(f"alerts         {len(watching.alert_urls) or 'no'} channels")
    click.echo(f"backups        {environment.backup_dir}")
    for project in load_projects(environment.projects_path):
        watched = "watched" if project.enabled else "not watched"
        checked = ", checks drops" if project.validate else ""
        answered = ", answers" if project.answers else ""
        click.echo(
            f"project        {project.name}: {project.group_jid}, {watched}{checked}{answered}"
        )


def _every(seconds: float) -> str:
    return f"every {seconds:g} s" if seconds else "off"
