"""A backlog of messages, one in ten a drop, brought into PostgreSQL in several ways."""

import random
import sqlite3
import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from operator import truediv
from pathlib import Path

from monitor.demo.bridge_writer import PUT_MESSAGE, BridgeWriter, go_time
from monitor.demo.groups import KNOWN_GROUPS
from tests.bench.figures import Figure
from tests.bench.home import Cost, Home
from tests.bench.rivals import seconds_of_limit, seconds_of_old_way, seconds_of_pgloader
from tests.bench.tables import count_rows, create_table
from tests.postgres_server import PostgresServer

OLD_WAY_DROPS = 500
MARK = (1_000_000, 1.5)
"""So many messages are to take at most so many times what the limit takes."""

LOOKALIKE_SHARE = 0.01
"""Of chatter: passes the filter inside SQLite and holds no drop."""

_numbers = count(1)


def write_backlog(path: Path, messages: int) -> int:
    """Write the file; return how many of its messages pass the filter inside SQLite."""
    BridgeWriter(path, fsync=False).close()
    dice = random.Random(1752028)
    groups = list(KNOWN_GROUPS.values())
    with closing(sqlite3.connect(path)) as bridge:
        bridge.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000")
        bridge.executemany(
            "INSERT INTO chats (jid, name) VALUES (?, ?)", [(jid, jid) for jid in groups]
        )
        bridge.executemany(PUT_MESSAGE, _messages(messages, groups, dice))
        bridge.commit()
        (passing,) = bridge.execute(
            "SELECT count(*) FROM messages WHERE content LIKE '%dr%'"
        ).fetchone()
    return int(passing)


def _messages(number: int, groups: list[str], dice: random.Random) -> Iterator[tuple[object, ...]]:
    start = datetime(2025, 7, 1, tzinfo=UTC)
    drops = dice.sample(range(1_000_000, 10_000_000), number // 10)
    for index in range(number):
        if index % 10 == 0:
            text = f"DR{drops[index // 10]} all steps done"
        elif dice.random() < LOOKALIKE_SHARE:
            text = f"{index:07d} is the hydrant"
        else:
            text = "Morning team, photos to follow"
        moment = go_time(start + timedelta(seconds=10 * index))
        sender = f"27000000{index % 1000:03d}"
        yield (
            *(f"{dice.getrandbits(128):032X}", dice.choice(groups), sender, text, moment),
            *(False, "", "", "", None, None, None, 0),
        )


def ours(server: PostgresServer, bridge_path: Path, folder: Path) -> tuple[float, float, Cost]:
    """Scan the backlog with the real program.

    Returns the seconds it took, those of a second scan that finds nothing new, and the first
    one's cost. Tables are made beforehand, as a deployment does.
    """
    number = next(_numbers)
    url = server.create_database(f"ours_{number}")
    home = Home(folder / f"home_{number}", bridge_path, url)
    home.call("db", "migrate")
    started = time.perf_counter()
    cost = home.call("scan")
    full = time.perf_counter() - started
    started = time.perf_counter()
    home.call("scan")
    return full, time.perf_counter() - started, cost


def measure(
    server: PostgresServer, bridge_path: Path, folder: Path, messages: int, passing: int, runs: int
) -> list[Figure]:
    """Return ratios first, then messages a second of each way, then the program's memory."""
    full, start, limit = [], [], []
    costs = []
    # In turn, so that what else the machine does falls on both.
    for _ in range(runs):
        url = _fresh(server)
        limit.append(seconds_of_limit(bridge_path, url))
        _expect(url, passing)
        seconds, starting, cost = ours(server, bridge_path, folder)
        _expect(server.url(f"ours_{next(_numbers) - 1}"), messages // 10)
        full.append(seconds)
        start.append(starting)
        costs.append(cost)
    mine, bound, begin = (statistics.median(each) for each in (full, limit, start))
    ratio = statistics.median(map(truediv, full, limit))
    old = seconds_of_old_way(bridge_path, _fresh(server), OLD_WAY_DROPS)
    old_rate = OLD_WAY_DROPS * 10 / old
    loaded_url = _fresh(server)
    loaded = seconds_of_pgloader(bridge_path, loaded_url, folder)
    mark = MARK[1] if messages >= MARK[0] else None
    figures = [
        Figure("time, ours / limit", ratio, "times", mark, f"commands, median of {runs} pairs"),
        Figure("speed, ours / old way", messages / mine / old_rate, "times"),
    ]
    if loaded is not None:
        _expect(loaded_url, passing)
        figures.append(Figure("speed, ours / pgloader", loaded / mine, "times"))
    figures += [
        Figure("limit", messages / bound, "messages/s", note=f"{bound:.2f} s: scan, then COPY"),
        Figure("ours", messages / mine, "messages/s", note=f"{mine:.2f} s, start {begin:.2f} s"),
        Figure("old way", old_rate, "messages/s", note=f"scaled from {OLD_WAY_DROPS} drops"),
    ]
    if loaded is None:
        figures.append(Figure("pgloader", 0, "", note="not installed (apt-get install pgloader)"))
    else:
        note = f"{loaded:.2f} s: scan to CSV, load"
        figures.append(Figure("pgloader", messages / loaded, "messages/s", note=note))
    figures += [
        Figure("peak memory", max(cost.peak_mb for cost in costs), "MB", 60),
        Figure("CPU time of ours", statistics.median(cost.cpu_seconds for cost in costs), "s"),
    ]
    return figures


def _fresh(server: PostgresServer) -> str:
    url = server.create_database(f"rival_{next(_numbers)}")
    create_table(url)
    return url


def _expect(url: str, rows: int) -> None:
    found = count_rows(url)
    if found != rows:
        raise RuntimeError(f"{found} rows in qa_photo_reviews where {rows} should be")
