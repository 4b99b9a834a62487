"""Everything that is shown of an environment: how it is now, and how it has been."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from monitor.backups import last_backup
from monitor.service.audit_schedule import AuditRecord, read_audit
from monitor.service.intake import Projects
from monitor.service.notes import Notes
from monitor.service.starts import Starts, read_starts
from monitor.settings.environment import Environment
from monitor.status import Status
from monitor.store.faults import StoreUnavailable
from monitor.store.protocol import Store
from monitor.store.records import Day, DropRow

LATEST_DROPS = 10


@dataclass(frozen=True)
class Overview:
    """A Status with its history. `active_alerts` has, by name, since when and in which words."""

    taken_at: datetime
    status: Status
    names: Mapping[str, str] = field(default_factory=dict)
    days: list[Day] = field(default_factory=list)
    latest: list[DropRow] = field(default_factory=list)
    starts: Starts = field(default_factory=lambda: Starts(0, ()))
    audit: AuditRecord | None = None
    backup: tuple[str, datetime] | None = None
    active_alerts: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def project(self, group_jid: str) -> str:
        """Return the name of a group's project, or of a group that is watched no longer."""
        return project_name(self.names, group_jid)

    def as_json(self, days: int) -> dict[str, Any]:
        """Return plain data for JSON, with so many of the last days."""
        first = self.taken_at.date() - timedelta(days=days - 1)
        return {
            "taken_at": _text(self.taken_at),
            **self.status.as_json(),
            "alerts": [
                {"name": name, "since": since, "text": text}
                for name, (since, text) in self.active_alerts.items()
            ],
            "audit": self._audit(),
            "restarts": {
                "total": self.starts.restarts,
                "recent": [_text(each) for each in self.starts.recent],
            },
            "backup": {"name": self.backup[0], "at": _text(self.backup[1])}
            if self.backup
            else None,
            "days": [
                {
                    "day": each.day.isoformat(),
                    "project": self.project(each.group_jid),
                    "messages": each.messages,
                    "drops": each.drops,
                    "resubmissions": each.resubmissions,
                }
                for each in self.days
                if each.day >= first
            ],
            "latest": [
                {
                    "drop_number": each.drop_number,
                    "project": each.project,
                    "posted_at": _text(each.posted_at) if each.posted_at else None,
                    "resubmitted": each.resubmitted,
                }
                for each in self.latest
            ],
        }

    def _audit(self) -> dict[str, Any] | None:
        audit = self.audit
        if audit is None:
            return None
        return {
            "at": audit.at,
            "since": audit.since,
            "submissions": audit.submissions,
            "missed": audit.missed,
            "repaired": audit.repaired,
            "error": audit.error or None,
        }


def look_over(
    environment: Environment,
    projects: Projects,
    store: Store,
    status: Status,
    days: int,
) -> Overview:
    """Add to `status` what the store, the home and the backups tell of the time before.

    What cannot be reached is left empty: `status` says already why.
    """
    now = datetime.now(UTC)
    found_days: list[Day] = []
    latest: list[DropRow] = []
    if status.store["ok"]:
        try:
            found_days = store.days(now.date() - timedelta(days=days - 1))
            latest = store.latest_drops(LATEST_DROPS)
        except StoreUnavailable:
            found_days = []
    return Overview(
        now,
        status,
        projects.names,
        found_days,
        latest,
        read_starts(environment.home),
        read_audit(environment.home),
        last_backup(environment),
        read_alerts(environment),
    )


def read_alerts(environment: Environment) -> dict[str, tuple[str, str]]:
    """Return, by name, since when each alert is on and its text, as the service noted them."""
    active = Notes(environment.home, "alerts").read().get("active")
    if not isinstance(active, dict):
        return {}
    return {
        str(name): (str(alert.get("since", "")), str(alert.get("text", "")))
        for name, alert in active.items()
        if isinstance(alert, dict)
    }


def project_name(names: Mapping[str, str], group_jid: str) -> str:
    """Return the name of a group's project, or of a group that is watched no longer."""
    return names.get(group_jid) or f"former group {group_jid.partition('@')[0][-4:]}"


def day_range(days: int, today: date) -> list[date]:
    """Return the last so many days, oldest first."""
    return [today - timedelta(days=back) for back in range(days - 1, -1, -1)]


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
