"""`status`: how it goes, for a person or for a program."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from monitor.cli.exits import PROBLEM
from monitor.cli.home import Home, with_home
from monitor.status import Status, gather

if TYPE_CHECKING:
    from rich.console import Console


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_home
def status(home: Home, as_json: bool) -> None:
    """Show groups, cursors, lag, counts and the last error; exit code 0 if all is well."""
    found = gather(home.environment, home.projects, home.store, home.reader)
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2))
    else:
        _print(found)
    if not found.ready:
        raise SystemExit(PROBLEM)


def _print(found: Status) -> None:
    # Only here: the service imports this module too, and need not carry rich.
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)
    service = found.service
    if service["running"]:
        what = f"runs since {_when(service['started_at'])}, release {service['release']}"
    else:
        what = "does not run"
    _line(console, "service", service["running"] and not service["error"], what, service["error"])
    for part in ("bridge", "store", "state"):
        about = getattr(found, part)
        _line(console, part, about["ok"], about.get("path") or about.get("url"), about["error"])
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("group", "last message", "posted (UTC)", "unread", "waiting"):
        table.add_column(title, justify="right" if title in ("unread", "waiting") else "left")
    for group in found.groups:
        unread = "?" if group.lag_messages is None else f"{group.lag_messages:,}"
        waiting = "" if group.lag_seconds is None else f"{group.lag_seconds:,.0f} s"
        table.add_row(
            escape(group.name),
            escape(group.message_id or "-"),
            _when(group.posted_at),
            f"[yellow]{unread}[/]" if group.lag_messages else unread,
            waiting,
        )
    console.print()
    console.print(table)
    console.print()
    if found.counts:
        counted = ", ".join(
            f"{number:,} {name.replace('_', ' ')}" for name, number in found.counts.items()
        )
        console.print(counted)
    for each in found.lists:
        if each.drops:
            console.print(escape(f"{each.project}: {each.drops:,} valid drops"))
        else:
            console.print(
                f"[red]fault[/] {escape(each.project)}: its list of valid drops is empty, so that"
                " nothing is refused; `wa-monitor drops import` fills it"
            )
    if found.answers and len(found.answers) > 1:
        states = {state: count for state, count in found.answers.items() if state != "mode"}
        counted = ", ".join(f"{count:,} {state}" for state, count in sorted(states.items()))
        console.print(f"answers are {found.answers['mode']}: {counted}")
    for instance in found.instances:
        error = instance["last_error"]
        last = f"last error {_when(instance['last_error_at'])}: {error}" if error else "no error"
        console.print(
            escape(f"instance {instance['name']}: seen {_when(instance['seen_at'])}, {last}")
        )


def _line(console: "Console", part: str, good: bool, what: str, error: str | None) -> None:
    from rich.markup import escape  # noqa: PLC0415

    mark = "[green]ok[/]   " if good else "[red]fault[/]"
    rest = escape(what) + (f": {escape(error)}" if error else "")
    console.print(f"{part:<8} {mark} {rest}")


def _when(text: str | None) -> str:
    if not text:
        return "-"
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
