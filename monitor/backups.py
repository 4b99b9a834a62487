"""When the environment was last backed up, as far as this process may know."""

import re
from contextlib import suppress
from datetime import UTC, datetime

from monitor.settings.environment import Environment

NOTE = "last-backup"
"""A file in the home that names the newest backup: the service may not see the backups."""

_NAME = re.compile(r"(\d{4}-\d\d-\d\d)/(.+)-(\d{6})Z", re.ASCII)


def last_backup(environment: Environment) -> tuple[str, datetime] | None:
    """Return the name of the newest complete backup, and when it was made; None without one."""
    names = set()
    with suppress(OSError):
        names.add((environment.home / NOTE).read_text().strip())
    with suppress(OSError):
        # Only complete backups have a manifest; one that is being made is hidden.
        for manifest in environment.backup_dir.glob("????-??-??/*/MANIFEST.json"):
            names.add("/".join(manifest.parent.parts[-2:]))
    found = [made for name in names if (made := _made(name, environment.home.name))]
    return max(found, key=lambda each: each[1], default=None)


def _made(name: str, environment: str) -> tuple[str, datetime] | None:
    match = _NAME.fullmatch(name)
    if match is None or match[2] != environment:
        return None
    with suppress(ValueError):
        return name, datetime.strptime(f"{match[1]} {match[3]}", "%Y-%m-%d %H%M%S").replace(
            tzinfo=UTC
        )
    return None
