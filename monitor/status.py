"""How an environment is doing, looked at from outside: the files, the store, the service.

Nothing is taken from the service's own memory, so that a service that believes itself well
while it stands still is seen to stand still.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from monitor.answer_status import AnswerStatus, mode_of, sum_up
from monitor.bridge.faults import BridgeUnavailable
from monitor.bridge.lag import GroupLag, LagGauge
from monitor.bridge.position import Position
from monitor.bridge.reader import BridgeReader, Cursor
from monitor.list_status import ListStatus, look_at_lists
from monitor.service.intake import Projects
from monitor.service.lock import ServiceReport, ServiceSeen, look_at_service
from monitor.service.pace import Backlog
from monitor.service.unchecked import read_unchecked
from monitor.settings.environment import Environment
from monitor.state.schema import check_state
from monitor.store.counting import total
from monitor.store.faults import StoreUnavailable
from monitor.store.protocol import Store
from monitor.store.records import Counts, Instance

STALE_SECONDS = 60.0
"""A loop that has not turned for so long hangs."""


@dataclass(frozen=True)
class GroupStatus:
    """One watched group: its cursor, and what the bridge holds after it.

    `lag_seconds` is how long the newest unread message has been waiting, None without one.
    """

    name: str
    group_jid: str
    message_id: str | None
    posted_at: str | None
    lag_messages: int | None
    lag_seconds: float | None


@dataclass(frozen=True)
class Status:
    """What `wa-monitor status --json` prints; `ready` is what a health gate asks for.

    `by_group` has the counts by group JID, which are not printed: `counts` are their sums.
    """

    ready: bool
    service: dict[str, Any]
    bridge: dict[str, Any]
    store: dict[str, Any]
    state: dict[str, Any]
    groups: list[GroupStatus] = field(default_factory=list)
    counts: dict[str, int] | None = None
    lists: list[ListStatus] = field(default_factory=list)
    answers: AnswerStatus | None = None
    instances: list[dict[str, Any]] = field(default_factory=list)
    by_group: Mapping[str, Counts] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        data = asdict(self)
        del data["by_group"]
        return data


def gather(
    environment: Environment,
    projects: Projects,
    store: Store,
    reader: BridgeReader,
    gauge: LagGauge,
) -> Status:
    """Look at everything; whatever cannot be reached is said to be so, and never raised.

    `gauge` reads what `reader` reads.
    """
    now = datetime.now(UTC)
    seen = look_at_service(environment.home)
    service = _service(seen, now)
    counts: Mapping[str, Counts] | None = None
    instances: list[Instance] = []
    lists: list[ListStatus] = []
    answers: AnswerStatus | None = None
    cursors: Mapping[str, Cursor] = {}
    position: Position | None = None
    store_error = None
    try:
        counts = store.counts()
        position, cursors = store.progress(environment.instance)
        instances = store.instances()
        unchecked = read_unchecked(environment.home)
        lists = look_at_lists(store, projects, counts, unchecked, now)
        answers = sum_up(mode_of(environment, seen), store.outbox.counts(now))
    except StoreUnavailable as error:
        store_error = str(error)
    groups: list[GroupStatus] = []
    bridge_error = None
    try:
        settled = reader.verified(position) if position else None
        for group, name in projects.names.items():
            cursor = cursors.get(group)
            if store_error is None:
                after = settled.rowid if settled and group in settled.groups else 0
                groups.append(_group(name, group, cursor, gauge.lag(group, cursor, after), now))
            else:
                reader.last_rowid()
                groups.append(GroupStatus(name, group, None, None, None, None))
    except BridgeUnavailable as error:
        bridge_error = str(error)
        groups = [
            GroupStatus(name, group, *_cursor(cursors.get(group)), None, None)
            for group, name in projects.names.items()
        ]
    return Status(
        ready=bool(service["running"]) and not (service["error"] or store_error or bridge_error),
        service=service,
        bridge={
            "ok": bridge_error is None,
            "path": str(environment.bridge_path),
            "error": bridge_error,
        },
        store={
            "ok": store_error is None,
            "kind": store.kind,
            "url": store.address,
            "error": store_error,
        },
        state=_state(environment),
        groups=groups,
        counts=None if counts is None else total(counts.values())._asdict(),
        lists=lists,
        answers=answers,
        instances=[_instance(each) for each in instances],
        by_group=counts or {},
    )


def _service(seen: ServiceSeen, now: datetime) -> dict[str, Any]:
    report = seen.report if seen.running else None
    error = report.error if report else ""
    heartbeat = seen.heartbeat_at
    if seen.running and heartbeat and (now - heartbeat).total_seconds() > STALE_SECONDS:
        error = f"its loop has not turned since {heartbeat.isoformat(timespec='seconds')}"
    return {
        "running": seen.running,
        "pid": report.pid if report else None,
        "release": report.release if report else None,
        "started_at": report.started_at if report else None,
        "heartbeat_at": heartbeat.isoformat() if heartbeat else None,
        "catching_up": _catching_up(report) if report else None,
        "error": (error or None) if seen.running else "it does not run",
    }


def backlog_of(status: Status) -> Backlog | None:
    """Return the backlog that the service is catching up, None without one."""
    found = status.service["catching_up"]
    return Backlog(found["rows_left"], found["rows_per_second"]) if found else None


def _catching_up(report: ServiceReport) -> dict[str, Any] | None:
    if not report.rows_left:
        return None
    backlog = Backlog(report.rows_left, report.rows_per_second)
    return {**backlog._asdict(), "seconds_left": backlog.seconds_left}


def _group(
    name: str, group: str, cursor: Cursor | None, lag: GroupLag, now: datetime
) -> GroupStatus:
    waiting = (now - lag.newest).total_seconds() if lag.newest else None
    return GroupStatus(name, group, *_cursor(cursor), lag.unread, waiting)


def _cursor(cursor: Cursor | None) -> tuple[str | None, str | None]:
    if cursor is None:
        return None, None
    return cursor.message_id, cursor.posted_at.isoformat() if cursor.posted_at else None


def _state(environment: Environment) -> dict[str, Any]:
    path = environment.state_path
    error = None
    try:
        _, faults = check_state(path.read_bytes())
        if faults:
            error = f"{faults[0].pointer or '/'}: {faults[0].message}"
    except OSError as fault:
        error = f"cannot be read: {fault.strerror}"
    return {"ok": error is None, "path": str(path), "error": error}


def _instance(instance: Instance) -> dict[str, Any]:
    return {
        "name": instance.name,
        "release": instance.release,
        "started_at": instance.started_at.isoformat(),
        "seen_at": instance.seen_at.isoformat(),
        "last_error": instance.last_error or None,
        "last_error_at": instance.last_error_at.isoformat() if instance.last_error_at else None,
    }
