"""Other ways of bringing a backlog into the QA table, each timed on the same file."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2

from tests.bench.limit import WRITTEN, scan


def seconds_of_limit(bridge_path: Path, database_url: str) -> float:
    """Run the limit as a command, as the monitor is run: with the start of its process."""
    command = [sys.executable, "-m", "tests.bench.limit", str(bridge_path)]
    started = time.perf_counter()
    subprocess.run(command, check=True, env={**os.environ, "DATABASE_URL": database_url})
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
