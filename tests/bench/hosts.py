"""How many submissions a second one PostgreSQL takes from one monitor, and from two at once."""

import sqlite3
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg2

from monitor.demo.bridge_writer import PUT_MESSAGE, BridgeWriter, go_time
from monitor.demo.groups import KNOWN_GROUPS
from tests.bench.figures import Figure
from tests.bench.home import Home
from tests.postgres_server import PostgresServer

GRACE_SECONDS = 60.0
GROUPS = list(KNOWN_GROUPS.values())
SENDER = "27000000001"


def measure(server: PostgresServer, folder: Path, backlog: int, live: int) -> list[Figure]:
    """Return submissions a second for a backlog of drops, and for drops one commit at a time."""
    figures: list[Figure] = []
    for monitors in (1, 2):
        many = "one monitor" if monitors == 1 else "two monitors"
        homes = _homes(server, folder, f"backlog_{monitors}", monitors)
        for home in homes:
            _write(home, backlog)
        began = time.perf_counter()
        _scan_all(homes)
        seconds = time.perf_counter() - began
        _check(homes[0], backlog)
        figures.append(Figure(f"{many}, a backlog", monitors * backlog / seconds, "submissions/s"))
        homes = _homes(server, folder, f"live_{monitors}", monitors)
        seconds = _live(homes, live)
        figures.append(Figure(f"{many}, as they come", monitors * live / seconds, "submissions/s"))
    return figures


def _homes(server: PostgresServer, folder: Path, name: str, monitors: int) -> Sequence[Home]:
    """Lay out monitors with a bridge each on one empty database."""
    url = server.create_database(name)
    homes = [
        Home(folder / name / f"host{n}", folder / name / f"bridge{n}" / "messages.db", url)
        for n in range(monitors)
    ]
    for number, home in enumerate(homes):
        with (home.folder / ".env").open("a") as settings:
            settings.write(f"WA_MONITOR_INSTANCE=host{number}\n")
    homes[0].call("db", "migrate")
    return homes


def _write(home: Home, count: int) -> None:
    """Write a home's bridge with so many drops in it, each the same in every home's."""
    BridgeWriter(_bridge_of(home), wal=True, fsync=False).close()
    moment = go_time(datetime(2025, 11, 10, 4, 47, 3, tzinfo=UTC))
    with closing(sqlite3.connect(_bridge_of(home))) as bridge, bridge:
        bridge.executemany("INSERT INTO chats (jid) VALUES (?)", [(group,) for group in GROUPS])
        bridge.executemany(
            PUT_MESSAGE,
            (
                (_id(number), _group(number), SENDER, _drop(number), moment,
                 False, "", "", "", None, None, None, 0)
                for number in range(count)
            ),
        )  # fmt: skip


def _post(homes: Sequence[Home], count: int) -> None:
    """Post the same drops, with the same message ids, to every bridge, a commit each."""
    bridges = [BridgeWriter(_bridge_of(home), wal=True, fsync=False) for home in homes]
    for number in range(count):
        for bridge in bridges:
            bridge.post(_group(number), _drop(number), message_id=_id(number), sender=SENDER)
    for bridge in bridges:
        bridge.close()


def _id(number: int) -> str:
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:016X}"


def _group(number: int) -> str:
    return GROUPS[number % len(GROUPS)]


def _drop(number: int) -> str:
    return f"DR{1_000_000 + number}"


def _bridge_of(home: Home) -> Path:
    return home.folder.with_name(home.folder.name.replace("host", "bridge")) / "messages.db"


def _scan_all(homes: Sequence[Home]) -> None:
    scans = [subprocess.Popen(home.command("scan"), stdout=subprocess.DEVNULL) for home in homes]
    if [code for scan in scans if (code := scan.wait())]:
        raise RuntimeError("a scan failed")


def _live(homes: Sequence[Home], count: int) -> float:
    """Return the seconds from the first post until running monitors have settled the last."""
    _post(homes, 0)
    services = [subprocess.Popen(home.command("run"), stderr=home.log.open("ab")) for home in homes]
    try:
        _wait(homes[0], "SELECT count(*) FROM wa_monitor_instances", len(homes))
        began = time.perf_counter()
        _post(homes, count)
        _wait(homes[0], "SELECT count(*) FROM wa_monitor_ledger", count)
        _wait(homes[0], f"SELECT count(*) FROM wa_monitor_positions WHERE row_id >= {count}",
              len(homes))  # fmt: skip
        return time.perf_counter() - began
    finally:
        for service in services:
            service.terminate()
            service.wait(10)


def _wait(home: Home, query: str, wanted: int) -> None:
    deadline = time.monotonic() + GRACE_SECONDS
    while _ask(home, query) < wanted:
        if time.monotonic() > deadline:
            raise RuntimeError(f"not {wanted} after {GRACE_SECONDS:g} s: {query}")
        time.sleep(0.1)


def _check(home: Home, count: int) -> None:
    found = _ask(home, "SELECT count(*) FROM wa_monitor_ledger")
    rows = _ask(home, "SELECT count(*) FROM qa_photo_reviews")
    if (found, rows) != (count, count):
        raise RuntimeError(f"{count} drops posted, {found} in the ledger, {rows} rows")


def _ask(home: Home, query: str) -> int:
    url = (home.folder / ".env").read_text().partition("DATABASE_URL=")[2].splitlines()[0]
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
            return int(row[0]) if row else 0
    finally:
        connection.close()
