"""A home for the monitor as an operator lays it out, and its commands as subprocesses."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from monitor.demo.groups import KNOWN_GROUPS
from tests.delivery.stores import StoreView

OWN_SETTINGS = (
    *("DATABASE_URL", "NEON_DATABASE_URL", "WHATSAPP_DB_PATH", "SCAN_INTERVAL", "LOG_LEVEL"),
    *("LOG_FILE", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"),
)
COMMAND_SECONDS = 30.0


class Home:
    """An environment's folder at `path` that reads `bridge_path` and writes to `database_url`.

    Without a URL the store is the embedded one. `settings` are further lines of .env.
    """

    def __init__(
        self,
        path: Path,
        bridge_path: Path,
        database_url: str | None = None,
        groups: Mapping[str, str] = KNOWN_GROUPS,
        **settings: str,
    ) -> None:
        self.path = path
        self.bridge_path = bridge_path
        self.database_url = database_url
        self.store = StoreView(path / "drops.db", database_url)
        (path / "config").mkdir(parents=True)
        self.write_projects(groups)
        lines = {"WHATSAPP_DB_PATH": str(bridge_path), **settings}
        if database_url:
            lines["DATABASE_URL"] = database_url
        (path / ".env").write_text("".join(f"{key}={value}\n" for key, value in lines.items()))

    @property
    def state_path(self) -> Path:
        """The home's state.json."""
        return self.path / "state.json"

    def write_projects(self, groups: Mapping[str, str]) -> None:
        """Watch these groups, given by project name, from the next (re)load on."""
        (self.path / "config" / "projects.yaml").write_text(
            "projects:\n"
            + "".join(f'  - name: {name}\n    group_jid: "{jid}"\n' for name, jid in groups.items())
        )

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of a command on this home."""
        return [sys.executable, "-m", "monitor", "--home", str(self.path), *arguments]

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and return its exit code and what it said."""
        return subprocess.run(
            self.command(*arguments),
            check=False,
            env=clean_environment(),
            text=True,
            capture_output=True,
            timeout=COMMAND_SECONDS,
        )


def clean_environment(**more: str) -> dict[str, str]:
    """Return this process's environment without a monitor's settings, and with `more`."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if key not in OWN_SETTINGS and not key.startswith("WA_MONITOR_")
    }
    return {**kept, "COLUMNS": "200", **more}
