"""Other ways of bringing a backlog into the QA table, each timed on the same file."""

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2

from monitor.demo.groups import KNOWN_GROUPS
from tests.bench.tables import WRITTEN

PROJECTS = {jid: name for name, jid in KNOWN_GROUPS.items()}
# The filter that the monitor has SQLite apply; the rest of the row is what it reads.
SCAN = """
SELECT chat_jid, sender, substr(content, 1, 9), timestamp FROM messages
WHERE rowid > 0 AND is_from_me IS NOT 1 AND chat_jid IN (?, ?, ?, ?) AND content LIKE '%dr%'
ORDER BY rowid
"""


def scan(bridge_path: Path) -> Iterator[tuple[str, str, str, str, str, str, str]]:
    """Yield the QA table's columns for every message that passes the filter."""
    with closing(sqlite3.connect(f"file:{bridge_path}?mode=ro", uri=True)) as bridge:
        for jid, sender, drop, posted in bridge.execute(SCAN, tuple(PROJECTS)):
            project = PROJECTS[jid]
            yield drop, project, sender, sender, posted, posted, f"Posted in {project}"


def seconds_of_limit(bridge_path: Path, database_url: str) -> float:
    """Scan the whole file with its filter, then COPY what it yields, in one transaction."""
    started = time.perf_counter()
    lines = StringIO()
    for row in scan(bridge_path):
        lines.write("\t".join(row) + "\n")
    lines.seek(0)
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.copy_from(lines, "qa_photo_reviews", columns=WRITTEN)
        connection.commit()
    return time.perf_counter() - started


def seconds_of_old_way(bridge_path: Path, database_url: str, drops: int) -> float:
    """Write the first `drops` drops with one connection and one statement for each."""
    places = ", ".join(["%s"] * len(WRITTEN))
    statement = (
        f"INSERT INTO qa_photo_reviews ({', '.join(WRITTEN)}) VALUES ({places})"
        " ON CONFLICT (drop_number) DO NOTHING"
    )
    rows = scan(bridge_path)
    started = time.perf_counter()
    for row, _ in zip(rows, range(drops), strict=False):
        with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, row)
            connection.commit()
    return time.perf_counter() - started


def seconds_of_pgloader(bridge_path: Path, database_url: str, folder: Path) -> float | None:
    """Scan to a CSV file and have pgloader load it; None if pgloader is not installed."""
    if shutil.which("pgloader") is None:
        return None
    started = time.perf_counter()
    table = folder / "drops.csv"
    with table.open("w") as file:
        file.writelines(",".join(f'"{value}"' for value in row) + "\n" for row in scan(bridge_path))
    command = folder / "drops.load"
    command.touch(mode=0o600)
    names = ", ".join(WRITTEN)
    command.write_text(
        f"LOAD CSV FROM '{table}' ({names}) INTO {database_url}"
        f" TARGET TABLE qa_photo_reviews ({names})"
        " WITH fields terminated by ',', fields optionally enclosed by '\"';\n"
    )
    done = subprocess.run(
        ["pgloader", "--root-dir", str(folder / "pgloader"), str(command)],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        address = urlsplit(database_url).hostname
        raise RuntimeError(f"pgloader to {address} failed:\n{done.stdout[-2000:]}{done.stderr}")
    return time.perf_counter() - started
