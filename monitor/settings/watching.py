"""The settings of what watches the service: its HTTP port, its audits and its alerts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

NUMBERS = (
    *("HTTP_PORT", "AUDIT_INTERVAL", "AUDIT_DAYS"),
    *("ALERT_AFTER", "ALERT_SILENCE", "ALERT_RESTARTS"),
)
KEYS = (*NUMBERS, "AUDIT_REPAIR", "ALERT_URLS", "WA_MONITOR_BACKUP_DIR")


@dataclass(frozen=True)
class Watching:
    """How the service is watched.

    `http_port` is on 127.0.0.1, None for no HTTP. Audits look at `audit_days` days and begin
    `audit_interval` seconds apart, 0 for none. `alert_urls` are Apprise's and hold secrets,
    hence `repr` leaves them out. `alert_after` is for how many seconds a fault must last,
    `alert_silence` the least silence of a bridge in seconds, `alert_restarts` the number of
    starts in ten minutes that make a restart loop. `backup_dir` holds the backups if it is not
    the folder beside the home.
    """

    http_port: int | None = None
    audit_interval: float = 6 * 3600.0
    audit_days: int = 30
    audit_repair: bool = True
    alert_urls: tuple[str, ...] = field(default=(), repr=False)
    alert_after: float = 120.0
    alert_silence: float = 3600.0
    alert_restarts: int = 5
    backup_dir: Path | None = None


def watching_of(home: Path, text: Mapping[str, str]) -> Watching:
    """Return the settings in `text`, which has been found good; the rest are defaults."""
    return Watching(
        http_port=int(float(text.get("HTTP_PORT", 0))) or None,
        audit_interval=float(text.get("AUDIT_INTERVAL", Watching.audit_interval)),
        audit_days=int(float(text.get("AUDIT_DAYS", Watching.audit_days))),
        audit_repair=text.get("AUDIT_REPAIR", "true").lower() == "true",
        alert_urls=tuple(text.get("ALERT_URLS", "").split()),
        alert_after=float(text.get("ALERT_AFTER", Watching.alert_after)),
        alert_silence=float(text.get("ALERT_SILENCE", Watching.alert_silence)),
        alert_restarts=int(float(text.get("ALERT_RESTARTS", Watching.alert_restarts))),
        backup_dir=home / text["WA_MONITOR_BACKUP_DIR"]
        if "WA_MONITOR_BACKUP_DIR" in text
        else None,
    )
