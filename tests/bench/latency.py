"""How long a message takes from the bridge's commit to the store's, at a steady rate."""

import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, connection

from monitor.demo import bridge_writer
from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import KNOWN_GROUPS, LAWLEY
from tests.bench.figures import Figure, percentile
from tests.bench.home import Home, cpu_seconds, memory_mb
from tests.postgres_server import PostgresServer

# NOTIFY is delivered when the transaction is committed and on disk, never before: its arrival is
# the commit's time, late by the notice's own way, never early.
WATCH_LEDGER = """
CREATE FUNCTION tell_settled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_notify('settled', NEW.message_id); RETURN NULL; END $$;
CREATE TRIGGER tell_settled AFTER INSERT ON wa_monitor_ledger
FOR EACH ROW EXECUTE FUNCTION tell_settled();
"""
GRACE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Load:
    """So many messages a second for so many seconds, on a file in one of the journal modes."""

    rate: int
    seconds: float
    wal: bool

    @property
    def name(self) -> str:
        """What the tables call it."""
        return f"{self.rate}/s, {'WAL' if self.wal else 'rollback journal'}"


def measure(server: PostgresServer, folder: Path, loads: list[Load]) -> list[Figure]:
    """Return median and p99 latency, CPU and memory for each load."""
    figures: list[Figure] = []
    for number, load in enumerate(loads):
        url = server.create_database(f"latency_{number}")
        figures += _measure_one(url, folder / f"latency_{number}", load)
    return figures


def _measure_one(url: str, folder: Path, load: Load) -> list[Figure]:
    bridge_path = folder / "bridge" / "messages.db"
    BridgeWriter(bridge_path, wal=load.wal).close()
    home = Home(folder / "home", bridge_path, url)
    home.call("db", "migrate")
    with _watch(url) as settled_by, home.service() as pid, BridgeWriter(bridge_path) as bridge:
        warm_up = [bridge.post(LAWLEY, f"DR{1000000 + number}") for number in range(20)]
        _collect(settled_by, set(warm_up), {}, GRACE_SECONDS)
        before, began = cpu_seconds(pid), time.perf_counter()
        latencies = _latencies(bridge_path, settled_by, load)
        core = (cpu_seconds(pid) - before) / (time.perf_counter() - began)
        peak = memory_mb(pid, "VmHWM")
    few = "the worst of these" if len(latencies) < 100 else ""
    marked = load.rate == 50
    return [
        Figure(f"median, {load.name}", percentile(latencies, 0.5), "ms", 10 if marked else None),
        Figure(f"p99, {load.name}", percentile(latencies, 0.99), "ms", 50 if marked else None, few),
        Figure(f"CPU, {load.name}", core * 100, "% of a core"),
        Figure(f"peak memory, {load.name}", peak, "MB", 60),
    ]


def _latencies(bridge_path: Path, settled_by: connection, load: Load) -> list[float]:
    """Post from another process and return each drop's milliseconds from commit to commit."""
    groups = [part for jid in KNOWN_GROUPS.values() for part in ("--group", jid)]
    writer = subprocess.Popen(
        [
            *(sys.executable, bridge_writer.__file__, str(bridge_path), *groups),
            *("--rate", str(load.rate), "--count", str(int(load.rate * load.seconds)), "--stamp"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    posted: dict[str, float] = {}
    assert writer.stdout is not None
    reading = Thread(target=_read_posts, args=(writer.stdout, posted))
    reading.start()
    arrived: dict[str, float] = {}
    while reading.is_alive():
        _receive(settled_by, arrived, 0.2)
    reading.join()
    writer.wait()
    _collect(settled_by, set(posted), arrived, GRACE_SECONDS)
    return [(arrived[message_id] - at) * 1000 for message_id, at in posted.items()]


def _read_posts(lines: IO[str], posted: dict[str, float]) -> None:
    for line in lines:
        _, _, message_id, stamp = line.split()
        posted[message_id] = float(stamp)


@contextmanager
def _watch(url: str) -> Iterator[connection]:
    watcher = psycopg2.connect(url)
    watcher.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
    with watcher.cursor() as cursor:
        cursor.execute(WATCH_LEDGER)
        cursor.execute("LISTEN settled")
    try:
        yield watcher
    finally:
        watcher.close()


def _collect(
    watcher: connection, wanted: set[str], arrived: dict[str, float], seconds: float
) -> None:
    deadline = time.monotonic() + seconds
    while not wanted <= arrived.keys():
        if time.monotonic() > deadline:
            missing = len(wanted - arrived.keys())
            raise RuntimeError(f"{missing} of {len(wanted)} drops not in the store in {seconds} s")
        _receive(watcher, arrived, 0.2)


def _receive(watcher: connection, arrived: dict[str, float], seconds: float) -> None:
    if not select.select([watcher], [], [], seconds)[0]:
        return
    now = time.time()
    watcher.poll()
    for notice in watcher.notifies:
        arrived.setdefault(notice.payload, now)
    watcher.notifies.clear()
