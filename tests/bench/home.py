"""The real program on a folder of its own, and what it costs while it runs."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from monitor.demo.groups import KNOWN_GROUPS

READY_SECONDS = 30.0
PEAK_EVERY = 0.01


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process used: seconds of a core, and megabytes (10^6) at its highest."""

    cpu_seconds: float
    peak_mb: float


class Home:
    """A home folder that watches the four known groups of `bridge_path`."""

    def __init__(self, folder: Path, bridge_path: Path, database_url: str) -> None:
        self.folder = folder
        self.log = folder / "service.log"
        (folder / "config").mkdir(parents=True)
        projects = [
            {"name": name, "enabled": True, "group_jid": jid, "description": name}
            for name, jid in KNOWN_GROUPS.items()
        ]
        # JSON is YAML.
        (folder / "config" / "projects.yaml").write_text(json.dumps({"projects": projects}))
        (folder / ".env").write_text(
            f"DATABASE_URL={database_url}\nWHATSAPP_DB_PATH={bridge_path}\n"
        )
        (folder / ".env").chmod(0o600)

    def call(self, *arguments: str) -> Cost:
        """Run a command to its end; RuntimeError, with what it said, unless it succeeds."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(self.command(*arguments), stdout=log, stderr=log, env=_env())
        # Not wait4's maxrss, which counts this process's own memory until the exec.
        peak = 0.0
        finished = 0
        while not finished:
            with suppress(LookupError):
                peak = memory_mb(process.pid, "VmHWM")
            time.sleep(PEAK_EVERY)
            finished, status, used = os.wait4(process.pid, os.WNOHANG)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(
                f"wa-monitor {' '.join(arguments)} exited with {process.returncode}:\n"
                + self.log.read_text(errors="replace")[-2000:]
            )
        return Cost(used.ru_utime + used.ru_stime, peak)

    @contextmanager
    def service(self) -> Iterator[int]:
        """Run the service; yields its process id once it says that it is ready."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(self.command("run"), stdout=log, stderr=log, env=_env())
        try:
            self._wait_until_ready()
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def command(self, *arguments: str) -> list[str]:
        """Return the arguments that run the program on this home."""
        return [sys.executable, "-m", "monitor", "--home", str(self.folder), *arguments]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if not subprocess.run(
                self.command("status", "--json"), capture_output=True, env=_env(), check=False
            ).returncode:
                return
            time.sleep(0.2)
        raise RuntimeError(
            f"the service was not ready after {READY_SECONDS:.0f} s; its log ends:\n"
            + self.log.read_text(errors="replace")[-2000:]
        )


def cpu_seconds(pid: int) -> float:
    """Return how long a process's threads have run on a core, to the nanosecond."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def memory_mb(pid: int, field: str = "VmRSS") -> float:
    """Return a process's resident memory in megabytes: VmRSS now, VmHWM at its highest."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise LookupError(f"/proc/{pid}/status has no {field}")


def _env() -> dict[str, str]:
    mine = ("DATABASE_URL", "NEON_DATABASE_URL", "WHATSAPP_DB_PATH", "SCAN_INTERVAL", "LOG_FILE")
    return {
        key: value
        for key, value in os.environ.items()
        if key not in mine and not key.startswith("WA_MONITOR_")
    }
