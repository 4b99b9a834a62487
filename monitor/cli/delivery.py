"""`run`, `scan`, `audit` and `replay`: what reads the bridge."""

import os
from datetime import UTC, datetime

import click

from monitor.bridge.senders import FILE_NAME, SenderBook
from monitor.cli.exits import BAD_INPUT, PROBLEM, bad_input
from monitor.cli.home import Home, with_home
from monitor.cli.progress import catching_up, progress
from monitor.logs import set_up_logging
from monitor.release import release_of
from monitor.service.intake import Projects
from monitor.service.lock import ServiceLock
from monitor.settings.environment import load_environment
from monitor.settings.projects import load_projects
from monitor.state.file import StateFile
from monitor.store.counting import total
from monitor.store.open import open_store
from monitor.store.records import Settled


class Moment(click.ParamType[datetime]):
    """A date or a time in ISO 8601; without a zone it is UTC."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """See click."""
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time such as 2025-11-01 or 2025-11-01T06:00", param, ctx)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.command()
@with_home
def run(home: Home) -> None:
    """Run the service: watch the bridge and deliver until stopped."""
    # Only here: `status` and the validators start faster without these.
    from monitor.answers.courier import Courier  # noqa: PLC0415
    from monitor.service.attendants import Attendants  # noqa: PLC0415
    from monitor.service.memory import share_one_heap  # noqa: PLC0415
    from monitor.service.notify import Notifier  # noqa: PLC0415
    from monitor.service.service import Service  # noqa: PLC0415
    from monitor.service.state_keeper import StateKeeper  # noqa: PLC0415
    from monitor.service.tally import Tally  # noqa: PLC0415

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


@click.command()
@with_home
def scan(home: Home) -> None:
    """Deliver all that the bridge holds now, then exit."""
    from monitor.service.delivery import Delivery  # noqa: PLC0415
    from monitor.service.state_keeper import StateKeeper  # noqa: PLC0415

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
    click.echo(_summary(delivery.settled))
    if state.fault:
        click.echo(f"wa-monitor: {state.fault}", err=True)
        raise SystemExit(PROBLEM)


@click.command()
@click.option("--since", type=Moment(), help="Only messages posted since then (default: all).")
@click.option("--repair", "mend", is_flag=True, help="Take in what the store lacks.")
@with_home
def audit(home: Home, since: datetime | None, mend: bool) -> None:
    """Compare the bridge with the store, whatever any cursor says."""
    from monitor.service.audit import audit as run_audit  # noqa: PLC0415
    from monitor.service.audit import repair  # noqa: PLC0415
    from monitor.service.upkeep import put_senders_right  # noqa: PLC0415

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
    click.echo(f"repaired: {_summary(settled)}")
    if settled.dead_letters:
        raise SystemExit(PROBLEM)


@click.command()
@click.option("--group", metavar="NAME|JID", help="A project's group, by name or JID.")
@click.option("--since", type=Moment(), help="From when on; goes with --group.")
@with_home
def replay(home: Home, group: str | None, since: datetime | None) -> None:
    """Try the dead letters again, or a group since a time."""
    from monitor.service.replay import replay_dead_letters, replay_group  # noqa: PLC0415

    if (group is None) != (since is None):
        bad_input("--group and --since go together")
    home.store.migrate()
    instance = home.environment.instance
    if group is None or since is None:
        with progress("Replaying", "letters") as show:
            settled = replay_dead_letters(home.reader, home.store, instance, home.projects, show)
        left = total(home.store.counts().values()).dead_letters
        click.echo(f"{_summary(settled)}; {left} dead letters are left")
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
    from monitor.bridge.reader import BridgeReader  # noqa: PLC0415

    reader = BridgeReader(home.environment.bridge_path, projects.prefilters)
    with progress("Replaying") as show:
        settled = replay_group(reader, home.store, instance, projects, since, show)
    click.echo(_summary(settled))


def _summary(settled: Settled) -> str:
    invalid = f" {settled.invalid} invalid," if settled.invalid else ""
    return (
        f"{settled.drops} new drops, {settled.resubmissions} resubmissions,"
        f" {settled.malformed} malformed,{invalid} {settled.dead_letters} set aside"
    )
