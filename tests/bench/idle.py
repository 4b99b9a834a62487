"""What the service costs while nobody posts, beside a large bridge file."""

import time
from pathlib import Path

from tests.bench.figures import Figure
from tests.bench.home import Home, cpu_seconds, memory_mb
from tests.postgres_server import PostgresServer

SETTLE_SECONDS = 3.0
"""Left out of the measurement: the start itself, and the status command that waits for it."""


def measure(
    server: PostgresServer, bridge_path: Path, folder: Path, seconds: float
) -> list[Figure]:
    """Return idle CPU and memory, once the service has read the file to its end."""
    url = server.create_database("idle")
    home = Home(folder / "idle", bridge_path, url)
    home.call("scan")
    with home.service() as pid:
        time.sleep(SETTLE_SECONDS)
        before, began = cpu_seconds(pid), time.perf_counter()
        time.sleep(seconds)
        core = (cpu_seconds(pid) - before) / (time.perf_counter() - began)
        return [
            Figure("idle CPU", core * 100, "% of a core", 0.1, f"over {seconds:.0f} s"),
            Figure("idle memory", memory_mb(pid), "MB", 60),
        ]
