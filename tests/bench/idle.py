"""What the service costs while nobody posts, beside a large bridge file."""

import time
from pathlib import Path

from monitor.service.audit_schedule import FIRST_SECONDS, read_audit
from monitor.settings.watching import Watching
from tests.bench.figures import Figure
from tests.bench.home import Home, cpu_seconds, memory_mb
from tests.postgres_server import PostgresServer

SETTLE_SECONDS = 6.0
"""Left out of the measurement: the start itself, its survey, and the command that waits for it."""

AUDIT_SECONDS = 60.0
"""How long the first audit may take."""


def measure(
    server: PostgresServer, bridge_path: Path, folder: Path, seconds: float
) -> list[Figure]:
    """Return idle CPU and memory, once the service has read the file to its end.

    What goes on all the time is measured for `seconds`, less than the time to the first audit.
    The audit is measured by itself, and counts for as much as it does over the hours between
    two of them.
    """
    if SETTLE_SECONDS + seconds >= FIRST_SECONDS:
        raise ValueError(f"the first audit comes after {FIRST_SECONDS:.0f} s: measure for less")
    url = server.create_database("idle")
    home = Home(folder / "idle", bridge_path, url)
    home.call("scan")
    with home.service() as pid:
        time.sleep(SETTLE_SECONDS)
        before, began = cpu_seconds(pid), time.perf_counter()
        time.sleep(seconds)
        always = (cpu_seconds(pid) - before) / (time.perf_counter() - began)

        before, began = cpu_seconds(pid), time.perf_counter()
        _wait_for_audit(home.folder)
        audit = cpu_seconds(pid) - before - always * (time.perf_counter() - began)
        hours = Watching.audit_interval / 3600
        amortised = always + audit / Watching.audit_interval
        return [
            Figure("idle CPU", amortised * 100, "% of a core", 0.1, "audits included"),
            Figure("between audits", always * 100, "% of a core", None, f"over {seconds:.0f} s"),
            Figure("an audit", audit, "s of a core", None, f"every {hours:.0f} h"),
            Figure("idle memory", memory_mb(pid), "MB", 60, "after an audit"),
        ]


def _wait_for_audit(home: Path) -> None:
    deadline = time.monotonic() + FIRST_SECONDS + AUDIT_SECONDS
    while read_audit(home) is None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{home}: no audit was made; see its service.log")
        time.sleep(0.1)
