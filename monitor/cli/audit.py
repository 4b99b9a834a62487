"""`audit`: what the bridge holds and the store lacks."""

from datetime import datetime

import click

from monitor.bridge.senders import FILE_NAME, SenderBook
from monitor.cli.exits import PROBLEM
from monitor.cli.home import Home, with_home
from monitor.cli.moment import Moment
from monitor.cli.progress import progress
from monitor.cli.summary import summary
from monitor.service.audit import audit as run_audit
from monitor.service.audit import repair
from monitor.service.upkeep import put_senders_right


@click.command()
@click.option("--since", type=Moment(), help="Only messages posted since then (default: all).")
@click.option("--repair", "mend", is_flag=True, help="Take in what the store lacks.")
@with_home
def audit(home: Home, since: datetime | None, mend: bool) -> None:
    """Compare the bridge with the store, whatever any cursor says."""
    home.store.migrate()
    with progress("Comparing") as show:
        verdict = run_audit(home.reader, home.projects, home.store, since, show)
    if mend:
        book = SenderBook(home.environment.bridge_path.with_name(FILE_NAME))
        put_senders_right(home.store, book)
    for reading, decision in verdict.missed:
        found = decision.submission
        click.echo(
            f"missed {decision.outcome}: {found.drop_number} in {found.project},"
            f" posted {found.posted_at:%Y-%m-%d %H:%M:%S} UTC, message {reading.message.id}"
        )
    for reading in verdict.unreadable:
        click.echo(
            f"unreadable: message {reading.message.id} of {reading.message.group_jid}:"
            f" {reading.error}"
        )
    for submission in verdict.waiting:
        click.echo(
            f"waiting: {submission.drop_number} in {submission.project},"
            f" posted {submission.posted_at:%Y-%m-%d %H:%M:%S} UTC, is valid now"
        )
    if verdict.good and not verdict.waiting:
        click.echo(f"nothing missed: {verdict.submissions} submissions in the bridge are settled")
        return
    count = len(verdict.missed) + len(verdict.unreadable)
    if not mend:
        waiting = f", {len(verdict.waiting)} waiting" if verdict.waiting else ""
        click.echo(f"{count} of {verdict.submissions} missed{waiting}; --repair takes them in")
        raise SystemExit(PROBLEM)
    settled = repair(home.store, home.environment.instance, verdict)
    click.echo(f"repaired: {summary(settled)}")
    if settled.dead_letters:
        raise SystemExit(PROBLEM)
