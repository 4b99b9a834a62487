"""Measure everything, print it; the exit code is 0 whatever was measured."""

import argparse
import tempfile
from pathlib import Path

from rich.console import Console

from tests.bench import backlog, hosts, idle, latency
from tests.bench.figures import show
from tests.bench.latency import Load
from tests.postgres_server import PostgresServer


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help="backlog, latency, idle, hosts; without any: all")
    parser.add_argument("--quick", action="store_true", help="a tenth of the messages and time")
    options = parser.parse_args()
    parts = options.parts or ["backlog", "latency", "idle", "hosts"]
    quick: bool = options.quick
    messages = 100_000 if quick else 1_000_000
    console = Console(highlight=False, width=110)
    with (
        tempfile.TemporaryDirectory(prefix="wa-bench-") as name,
        PostgresServer(fsync=True) as server,
    ):
        folder = Path(name)
        bridge_path = folder / "bridge" / "messages.db"
        if {"backlog", "idle"} & set(parts):
            passing = backlog.write_backlog(bridge_path, messages)
        if "backlog" in parts:
            show(
                console,
                f"Backlog of {messages:,} messages, one in ten a drop, to PostgreSQL",
                backlog.measure(server, bridge_path, folder, messages, passing, 1 if quick else 7),
            )
        if "latency" in parts:
            loads = [
                Load(rate, (3 if quick else 30) if rate == 1 else (2 if quick else 15), wal)
                for wal in (False, True)
                for rate in (1, 50, 500)
            ]
            title = "From the bridge's commit to the store's, every message a drop"
            show(console, title, latency.measure(server, folder, loads))
        if "idle" in parts:
            title = f"Idle, beside a file of {messages:,} messages"
            show(console, title, idle.measure(server, bridge_path, folder, 10 if quick else 50))
        if "hosts" in parts:
            title = "Every message a drop, in the bridge of every host, to one PostgreSQL"
            backlog_size, live = (20_000, 2_000) if quick else (100_000, 5_000)
            show(console, title, hosts.measure(server, folder, backlog_size, live))


if __name__ == "__main__":
    main()
