"""One service per home, and a way to see from outside that it runs and its loop turns."""

import fcntl
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from monitor.ownership import hand_over, make_logs
from monitor.settings.answering import Mode

LOCK_NAME = "logs/service.lock"
LOCK_SECONDS = 1.0


class AlreadyRunning(Exception):
    """Another service holds this home."""


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """What a running service says of itself.

    `error` is what it waits for, empty if nothing; `answers` whether it sends any. While it
    catches up, `rows_left` of the bridge are to be read, `rows_per_second` of late, 0 if that
    is not known.
    """

    pid: int
    release: str
    started_at: str
    error: str = ""
    answers: Mode = "off"
    rows_left: int = 0
    rows_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class ServiceSeen:
    """What can be seen of a home's service; `heartbeat_at` is when its loop last turned."""

    running: bool
    report: ServiceReport | None
    heartbeat_at: datetime | None


class ServiceLock:
    """Held by the service of a home for as long as it lives, however it dies.

    Raises AlreadyRunning if another one holds it and OSError if the file cannot be made.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / LOCK_NAME
        make_logs(home)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        hand_over(self._path)
        try:
            _lock(self._descriptor)
        except OSError:
            os.close(self._descriptor)
            raise AlreadyRunning(f"a service already runs in {home} (holds {self._path})") from None

    def write(self, report: ServiceReport) -> None:
        """Say something new of this service; a full disk is no reason to stop."""
        with suppress(OSError):
            data = json.dumps(asdict(report)).encode()
            os.pwrite(self._descriptor, data, 0)
            os.ftruncate(self._descriptor, len(data))

    def beat(self) -> None:
        """Show that the loop turns."""
        with suppress(OSError):
            os.utime(self._descriptor)

    def release(self) -> None:
        """Let another service start."""
        os.close(self._descriptor)


def _lock(descriptor: int) -> None:
    """Take the lock; somebody who only looks holds it for a moment, so try for a while."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def look_at_service(home: Path) -> ServiceSeen:
    """Return what can be seen of the service of `home`, without disturbing it."""
    try:
        descriptor = os.open(home / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ServiceSeen(False, None, None)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            running = False
        except OSError:
            running = True
        heartbeat = datetime.fromtimestamp(os.fstat(descriptor).st_mtime, UTC)
        report = None
        with suppress(ValueError, TypeError):
            report = ServiceReport(**json.loads(os.pread(descriptor, 65_536, 0)))
        return ServiceSeen(running, report, heartbeat)
    finally:
        os.close(descriptor)
