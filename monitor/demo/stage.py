"""The demo's scratch folder: a bridge's file, a home for the monitor, and its process."""

import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from monitor.demo import story
from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import KNOWN_GROUPS
from monitor.demo.story import Line, Submitted
from monitor.demo.verdict import Holdings, judge_state, judge_store, read_store

MARKER = ".wa-monitor-demo"
CATCH_UP_SECONDS = 10.0
STOP_SECONDS = 5.0
OWN_SETTINGS = (
    *("DATABASE_URL", "NEON_DATABASE_URL", "WHATSAPP_DB_PATH", "SCAN_INTERVAL"),
    *("LOG_LEVEL", "LOG_FILE", "NOTIFY_SOCKET", "WATCHDOG_USEC"),
)


class DemoError(Exception):
    """The demo could not go on; the message says why and where the service's log is."""


class Stage:
    """The scratch folder with a bridge's file, a home for the monitor, and its process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.log = folder / "service.log"
        self.bridge_path = folder / "bridge" / "messages.db"
        self.submitted: list[Submitted] = []
        self.newest: dict[str, str] = {}
        self._service: subprocess.Popen[bytes] | None = None
        self._prepare()
        # No fsync: only processes are killed here, and the slowest disk shall do.
        self.bridge = BridgeWriter(self.bridge_path, fsync=False)
        self._now = datetime.now(UTC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.bridge.close()

    def post(self, line: Line) -> str:
        """Post a line and note what the store must come to hold; return the message id."""
        message_id = self.bridge.post(
            line.group_jid,
            line.text,
            sender=line.sender,
            timestamp=story.posted_at(line, self._now),
            is_from_me=line.is_from_me,
            media_type=line.media_type,
        )
        self.newest[line.group_jid] = message_id
        self.submitted += [Submitted(line.group_jid, message_id, drop) for drop in line.drops]
        return message_id

    def redeliver(self, message_id: str, group_jid: str) -> None:
        """Post a message again: it comes last, and submits nothing new."""
        self.bridge.redeliver(message_id, group_jid)
        self.newest[group_jid] = message_id

    def start(self) -> None:
        """Start the service, as its unit would."""
        with self.log.open("ab") as log:
            self._service = subprocess.Popen(
                self._command("run"), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_clean()
            )

    def kill(self) -> None:
        """SIGKILL the service, if it runs."""
        if self._service is not None:
            self._service.kill()
            self._service.wait()
            self._service = None

    def stop(self) -> tuple[int, float]:
        """SIGTERM the service; return its exit code and how many seconds it took."""
        if self._service is None:
            raise DemoError("the service does not run")
        before = time.monotonic()
        self._service.send_signal(signal.SIGTERM)
        try:
            code = self._service.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise DemoError(f"SIGTERM did not stop the service; its log: {self.log}") from None
        self._service = None
        return code, time.monotonic() - before

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command of the program on this home and return what it said."""
        return subprocess.run(
            self._command(*arguments),
            check=False,
            env=_clean(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=CATCH_UP_SECONDS,
        )

    def held(self) -> Holdings:
        """Read the store behind the program's back."""
        return read_store(self.home / "drops.db")

    def settle(self, seconds: float = CATCH_UP_SECONDS) -> float:
        """Wait until store and state hold all that was posted; return the seconds it took.

        Gives up in silence after `seconds`: the verdict then says what is missing.
        """
        before = time.monotonic()
        while (waited := time.monotonic() - before) < seconds:
            if self._service is None or self._service.poll() is not None:
                raise DemoError(f"the service ended by itself; its log: {self.log}")
            if not self.faults():
                break
            time.sleep(0.02)
        return waited

    def faults(self) -> list[str]:
        """Return what is missed, doubled or invented, one sentence each."""
        return [
            *judge_store(self.submitted, self.held()),
            *judge_state(self.home / "state.json", self.newest),
        ]

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "monitor", "--home", str(self.home), *arguments]

    def _prepare(self) -> None:
        """Empty the folder, if it is an earlier demo's, and write the home's settings."""
        if self.folder.exists() and any(self.folder.iterdir()):
            if not (self.folder / MARKER).exists():
                raise DemoError(f"{self.folder} holds something else than a demo; name another")
            shutil.rmtree(self.folder)
        (self.home / "config").mkdir(parents=True)
        (self.folder / MARKER).touch()
        projects = "projects:\n" + "".join(
            f'  - name: {name}\n    enabled: true\n    group_jid: "{jid}"\n'
            f"    description: drops of {name}\n"
            for name, jid in KNOWN_GROUPS.items()
        )
        (self.home / "config" / "projects.yaml").write_text(projects)
        (self.home / ".env").write_text(f"WHATSAPP_DB_PATH={self.bridge_path}\n")


def _clean() -> dict[str, str]:
    """Return the environment without settings of a monitor: a demo never meets a real store."""
    kept = {key: value for key, value in os.environ.items() if key not in OWN_SETTINGS}
    return {
        **{key: value for key, value in kept.items() if not key.startswith("WA_MONITOR_")},
        "COLUMNS": "110",
        "PYTHONUNBUFFERED": "1",
    }
