"""How an environment is doing, printed for a person: in colour on a terminal, plain in a pipe."""

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from monitor.answer_status import in_words
from monitor.list_status import ListStatus
from monitor.overview import Overview
from monitor.status import backlog_of

PIPE_WIDTH = 200


def show(overview: Overview, days: int | None) -> None:
    """Print an overview, with so many of the last days."""
    # A pipe has no width: what is cut off there is lost to the program that reads it.
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    console = Console(highlight=False, soft_wrap=True, width=PIPE_WIDTH if piped else None)
    found = overview.status
    service = found.service
    if service["running"]:
        what = f"runs since {_when(service['started_at'])}, release {service['release']}"
        _line(console, "service", not service["error"], what, service["error"])
    else:
        _line(console, "service", False, service["error"], None)
    if backlog_of(found):
        console.print(f"[yellow]backlog[/]  catching up: {backlog_of(found)}")
    for part in ("bridge", "store", "state"):
        about = getattr(found, part)
        _line(console, part, about["ok"], about.get("path") or about.get("url"), about["error"])
    for name, (since, text) in overview.active_alerts.items():
        console.print(f"[red]alert[/]    {escape(name)} since {_when(since)}: {escape(text)}")
    table = _table(("group", "last message", "posted (UTC)"), ("unread", "waiting"))
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
    if days:
        console.print(_days(overview, days))
        console.print()
    if found.counts:
        counted = ", ".join(
            f"{number:,} {name.replace('_', ' ')}" for name, number in found.counts.items()
        )
        console.print(counted)
    for each in found.lists:
        mark = "" if each.drops and not each.unchecked else "[red]fault[/] "
        console.print(mark + escape(_list(each)))
    if found.answers and (any(found.answers.numbers.values()) or found.answers.mode != "off"):
        mark = "[red]fault[/] " if any(found.answers.recent.values()) else ""
        console.print(mark + in_words(found.answers))
    console.print(escape(_history(overview)))
    for instance in found.instances:
        error = instance["last_error"]
        last = f"last error {_when(instance['last_error_at'])}: {error}" if error else "no error"
        console.print(
            escape(f"instance {instance['name']}: seen {_when(instance['seen_at'])}, {last}")
        )


def _list(each: ListStatus) -> str:
    waiting = f"{each.waiting:,} invalid waiting"
    if each.drops and not each.unchecked:
        return f"{each.project}: {each.drops:,} valid drops, {waiting}"
    taken_in = f"{each.unchecked:,} taken in unchecked"
    if each.unchecked:
        taken_in += f" since {_when(each.unchecked_since)}"
    if each.error:
        return (
            f"{each.project}: its list of valid drops cannot be read, so that nothing is refused:"
            f" {taken_in}, {waiting}: {each.error}"
        )
    if not each.drops:
        return (
            f"{each.project}: its list of valid drops is empty, so that nothing is refused:"
            f" {taken_in}, {waiting}; `wa-monitor drops import` fills it"
        )
    return f"{each.project}: {each.drops:,} valid drops, {waiting}, {taken_in}"


def _days(overview: Overview, days: int) -> Table:
    """Return a table of the days on which something came, newest first."""
    table = _table(("day (UTC)", "project"), ("messages", "drops", "resubmissions"))
    shown = overview.as_json(days)["days"]
    for each in sorted(shown, key=lambda row: row["day"], reverse=True):
        table.add_row(
            each["day"],
            escape(each["project"]),
            *(f"{each[what]:,}" for what in ("messages", "drops", "resubmissions")),
        )
    return table


def _history(overview: Overview) -> str:
    audit, backup = overview.audit, overview.backup
    if audit is None:
        audited = "no audit yet"
    elif audit.error:
        audited = f"audit {_when(audit.at)} could not be made: {audit.error}"
    else:
        audited = f"audit {_when(audit.at)}: {audit.missed:,} of {audit.submissions:,} missing"
    restarts = overview.starts.restarts
    backed_up = f"last backup {_when(backup[1].isoformat())}" if backup else "no backup known"
    return f"{audited}; {restarts:,} restarts; {backed_up}"


def _table(left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in left:
        table.add_column(title)
    for title in right:
        table.add_column(title, justify="right")
    return table


def _line(console: Console, part: str, good: bool, what: str, error: str | None) -> None:
    mark = "[green]ok[/]   " if good else "[red]fault[/]"
    # An error of the store begins with its address.
    told = error if error and error.startswith(what) else ": ".join(filter(None, (what, error)))
    console.print(f"{part:<8} {mark} {escape(told)}")


def _when(text: str | None) -> str:
    if not text:
        return "-"
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
