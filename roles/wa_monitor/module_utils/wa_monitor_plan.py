"""What a service needs to run what is installed."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import NamedTuple

STARTED = "ExecMainStartTimestampMonotonic"
# A reload takes a unit out of the state active and back.
RELOADED = "StateChangeTimestampMonotonic"
SHOWN = ("ActiveState", "UnitFileState", "NeedDaemonReload", STARTED, RELOADED)


class Plan(NamedTuple):
    """What is to be done to a service: why it is restarted (or empty), reloaded, enabled."""

    restart: str
    reload: bool
    enable: bool

    def told(self, unit: str) -> list[str]:
        """Return the plan as lines for the operator, none if nothing is to be done."""
        lines = [f"{unit}: restart, {self.restart}"] if self.restart else []
        lines += [f"{unit}: reload"] if self.reload else []
        return [*lines, f"{unit}: enable"] if self.enable else lines


def plan(unit: str, home: Path, restart: bool = False, reload: bool = False) -> Plan:
    """Compare the start of a service with the age of what it was started from.

    `restart` and `reload` ask for either in any case.
    """
    properties = shown(unit)
    reason = why_restart(properties, [home / "current", home / ".env"], restart)
    settings = [home / "config" / "projects.yaml"]
    stale = bool(first_newer(settings, time_of(properties, RELOADED)))
    return Plan(
        reason,
        not reason and (reload or stale),
        properties.get("UnitFileState") != "enabled",
    )


def systemctl(*words: str) -> subprocess.CompletedProcess[str]:
    """Run systemctl and return what came of it."""
    return subprocess.run(
        ["systemctl", "--no-ask-password", *words], check=False, capture_output=True, text=True
    )


def shown(unit: str) -> dict[str, str]:
    """Return the properties of a unit that decide what to do."""
    lines = systemctl("show", unit, f"--property={','.join(SHOWN)}").stdout.splitlines()
    return dict(line.partition("=")[::2] for line in lines)


def time_of(properties: dict[str, str], event: str) -> float:
    """Return the time of an event in seconds since 1970, zero if it never was."""
    monotonic = int(properties.get(event) or 0) / 1e6
    return time.time() - (time.monotonic() - monotonic) if monotonic else 0.0


def first_newer(paths: list[Path], moment: float) -> str:
    """Return the first of the paths that was written after a moment; empty if none was."""
    for path in paths:
        if (path.is_symlink() or path.exists()) and path.lstat().st_mtime > moment:
            return str(path)
    return ""


def why_restart(properties: dict[str, str], newer_than: list[Path], asked: bool) -> str:
    """Say why the service has to be started again; empty if it has not."""
    if asked:
        return "what it is started from changes"
    if properties.get("ActiveState") != "active":
        return f"it is {properties.get('ActiveState') or 'unknown'}"
    if properties.get("NeedDaemonReload") == "yes":
        return "its unit has changed"
    newer = first_newer(newer_than, time_of(properties, STARTED))
    return f"{newer} is newer than its start" if newer else ""
