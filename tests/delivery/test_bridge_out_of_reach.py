"""A bridge's file that cannot be read now is waited for: said once, and never read past."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY
from monitor.service.lock import look_at_service
from tests.delivery.homes import Home
from tests.delivery.services import Service
from tests.unit.forked import Died, in_child

pytestmark = pytest.mark.service

BACK_SECONDS = 5.0
"""How long a bridge may be back before its messages are in the store."""


def post(home: Home, *drops: str, wal: bool = False) -> None:
    """Run a bridge for as long as it takes to post these."""
    with BridgeWriter(home.bridge_path, wal=wal, fsync=False) as writer:
        for drop in drops:
            writer.post(LAWLEY, drop)


@contextmanager
def waiting_service(home: Home, words: str) -> Iterator[Service]:
    """Run the service, which finds the bridge as `words` say and waits for it, saying so once."""
    with Service(home, as_nobody=True) as service:
        service.wait_for(f'event="Waiting for the bridge".*{words}')
        wait_for_a_turn(service, home)
        wait_for_a_turn(service, home)
        yield service
        assert len(service.said(f'event="Waiting for the bridge".*{words}')) == 1
        assert not service.said("Traceback")
        service.wait_for("Delivery is back")
        assert service.stop()[0] == 0


def wait_for_a_turn(service: Service, home: Home) -> None:
    """Wait until the service's loop has turned once more."""
    before = look_at_service(home.path).heartbeat_at
    service.wait_until(lambda: look_at_service(home.path).heartbeat_at != before, "it tries again")


def wait_for_drops(service: Service, home: Home, *drops: str) -> None:
    """Wait until the store holds these drops and check that it holds no others."""
    service.wait_until(lambda: home.store.holds(*drops), "it has caught up", BACK_SECONDS)
    assert home.store.drops() == sorted(drops)


def die_in_mid_transaction(path: Path) -> None:
    """Be a bridge that is killed while its rollback journal is hot."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA cache_size = 1")  # so that pages go to the file before the commit
        file.execute("BEGIN IMMEDIATE")
        for number in range(500):
            file.execute(
                "INSERT INTO messages (id, chat_jid, sender, content, timestamp)"
                " VALUES (?, ?, '27000000001', ?, '2025-11-10 04:47:03+00:00')",
                (f"3EB0{number:016X}", LAWLEY, f"DR{7_000_000 + number}"),
            )
        os.kill(os.getpid(), signal.SIGKILL)


def test_the_journal_of_a_killed_bridge_is_never_read_past(strangers_home: Home) -> None:
    home = strangers_home
    post(home, "DR1000000")
    assert in_child(lambda: die_in_mid_transaction(home.bridge_path)) == Died(signal.SIGKILL)
    with waiting_service(home, "has the journal of a bridge that was killed") as service:
        assert not home.store.ready() or not home.store.drops()
        post(home, "DR1000001")
        wait_for_drops(service, home, "DR1000000", "DR1000001")


def test_a_journal_left_while_the_service_runs(strangers_home: Home) -> None:
    home = strangers_home
    post(home, "DR1000000")
    with Service(home, as_nobody=True) as service:
        wait_for_drops(service, home, "DR1000000")
        assert in_child(lambda: die_in_mid_transaction(home.bridge_path)) == Died(signal.SIGKILL)
        service.wait_for("has the journal of a bridge that was killed")
        post(home, "DR1000001")
        wait_for_drops(service, home, "DR1000000", "DR1000001")


def test_a_stopped_bridge_in_wal_mode(strangers_home: Home) -> None:
    home = strangers_home
    post(home, "DR1000000", wal=True)
    assert not Path(f"{home.bridge_path}-wal").exists()
    with waiting_service(home, "is in WAL mode and its bridge is stopped") as service:
        with BridgeWriter(home.bridge_path, fsync=False) as writer:
            writer.post(LAWLEY, "DR1000001")
            wait_for_drops(service, home, "DR1000000", "DR1000001")
            writer.post(LAWLEY, "DR1000002")
            wait_for_drops(service, home, "DR1000000", "DR1000001", "DR1000002")
        # It stops again, for longer than a turn, and starts again.
        post(home, "DR1000003")
        post(home, "DR1000004")
        with BridgeWriter(home.bridge_path, fsync=False):
            wait_for_drops(service, home, *(f"DR100000{number}" for number in range(5)))


@pytest.mark.parametrize("folder", [True, False], ids=["folder-there", "no-folder"])
def test_a_file_that_is_missing_and_then_appears(strangers_home: Home, folder: bool) -> None:
    home = strangers_home
    if folder:
        home.bridge_path.parent.mkdir()
    with waiting_service(home, "does not exist; check WHATSAPP_DB_PATH") as service:
        post(home, "DR1000000")
        wait_for_drops(service, home, "DR1000000")


def test_a_file_that_goes_away_and_comes_back(strangers_home: Home) -> None:
    home = strangers_home
    aside = home.bridge_path.with_name("aside.db")
    post(home, "DR1000000")
    with Service(home, as_nobody=True) as service:
        wait_for_drops(service, home, "DR1000000")
        home.bridge_path.rename(aside)
        service.wait_for("does not exist; check WHATSAPP_DB_PATH")
        aside.rename(home.bridge_path)
        post(home, "DR1000001")
        wait_for_drops(service, home, "DR1000000", "DR1000001")


def test_a_file_that_this_user_may_not_read(strangers_home: Home) -> None:
    home = strangers_home
    post(home, "DR1000000")
    home.bridge_path.chmod(0o600 if os.geteuid() == 0 else 0)
    with waiting_service(home, "may not be read by this user") as service:
        home.bridge_path.chmod(0o644)
        wait_for_drops(service, home, "DR1000000")


def test_a_file_that_is_no_database(strangers_home: Home) -> None:
    home = strangers_home
    home.bridge_path.parent.mkdir()
    home.bridge_path.write_bytes(b"not a database, for sure" * 100)
    with waiting_service(home, "is not a SQLite database; check WHATSAPP_DB_PATH") as service:
        home.bridge_path.unlink()
        post(home, "DR1000000")
        wait_for_drops(service, home, "DR1000000")


def test_a_database_of_something_else(strangers_home: Home) -> None:
    home = strangers_home
    home.bridge_path.parent.mkdir()
    with closing(sqlite3.connect(home.bridge_path)) as file:
        file.execute("CREATE TABLE letters (id TEXT)")
    with waiting_service(home, "has no table messages yet") as service:
        post(home, "DR1000000")
        wait_for_drops(service, home, "DR1000000")


def test_a_table_without_a_needed_column(strangers_home: Home) -> None:
    home = strangers_home
    home.bridge_path.parent.mkdir()
    with closing(sqlite3.connect(home.bridge_path)) as file:
        file.execute("CREATE TABLE messages (id TEXT, chat_jid TEXT, content TEXT)")
    with waiting_service(home, "has no column timestamp") as service:
        home.bridge_path.unlink()
        post(home, "DR1000000")
        wait_for_drops(service, home, "DR1000000")


def test_a_file_locked_for_a_while(strangers_home: Home) -> None:
    home = strangers_home
    post(home, "DR1000000")
    with closing(sqlite3.connect(home.bridge_path, isolation_level=None)) as file:
        file.execute("BEGIN EXCLUSIVE")
        with waiting_service(home, "is locked by its writer") as service:
            file.execute("UPDATE messages SET content = 'DR1000001'")
            file.execute("COMMIT")
            wait_for_drops(service, home, "DR1000001")


@pytest.mark.parametrize("wal", [False, True], ids=["rollback", "wal"])
def test_reading_leaves_the_bridges_folder_as_it_is(strangers_home: Home, wal: bool) -> None:
    home = strangers_home
    folder = home.bridge_path.parent

    def look() -> list[tuple[str, int, int, bytes]]:
        # Not the -shm: in it a reader marks, by locks of shared memory, what it reads.
        return sorted(
            (path.name, path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes())
            for path in folder.iterdir()
            if not path.name.endswith("-shm")
        )

    with BridgeWriter(home.bridge_path, wal=wal, fsync=False) as writer:
        for number in range(100):
            writer.post(LAWLEY, f"DR{100_000 + number}")
        before = look()
        with Service(home) as service:  # as a user who could write
            service.wait_until(lambda: home.store.holds("DR100099"), "it has caught up")
            assert home.ask("audit").returncode == 0
            assert service.stop()[0] == 0
        assert look() == before
