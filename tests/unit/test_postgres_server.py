"""The fixture's server is a real one, and can be stopped, restarted and refused."""

import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from tests import postgres_server
from tests.postgres_server import PostgresServer, find_programs


def query(url: str, statement: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        found = cursor.fetchall()
        connection.commit()
        return found


def test_each_test_gets_an_empty_database(database_url: str) -> None:
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert query(database_url, tables) == [(0,)]
    query(database_url, "CREATE TABLE filled (one int); SELECT 1")


test_and_so_does_the_next = test_each_test_gets_an_empty_database


def test_the_server_does_not_run_as_root(postgres: PostgresServer) -> None:
    assert Path(f"/proc/{postgres.pid}").stat().st_uid != 0
    assert (postgres.socket_folder / f".s.PGSQL.{postgres.port}").is_socket()


def test_committed_rows_outlive_an_immediate_stop(
    postgres: PostgresServer, database_url: str
) -> None:
    query(database_url, "SET synchronous_commit = on; CREATE TABLE kept (one int); SELECT 1")
    before = postgres.pid
    postgres.stop()
    assert not postgres.running
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)
    with pytest.raises(psycopg2.OperationalError):
        query(database_url, "SELECT 1")
    postgres.start()
    assert query(database_url, "SELECT count(*) FROM kept") == [(0,)]
    assert postgres.pid != before


def test_a_server_does_not_outlive_a_caller_that_is_killed() -> None:
    program = (
        "import time\n"
        "from tests.postgres_server import PostgresServer\n"
        "with PostgresServer() as server:\n"
        "    print(server.pid, server.socket_folder, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    ) as caller:
        assert caller.stdout is not None
        pid, folder = caller.stdout.readline().split()
        os.kill(int(pid), 0)
        caller.kill()
    deadline = time.monotonic() + 20
    while Path(folder).exists() or Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_missing_server_is_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgres_server, "DEBIAN_PROGRAMS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="apt-get install postgresql"):
        find_programs()
