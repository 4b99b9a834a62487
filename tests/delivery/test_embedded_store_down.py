"""What an operator may do to the embedded store's file while the service runs."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY
from tests.delivery.homes import Home
from tests.delivery.services import Service
from tests.delivery.stores import assert_exactly

pytestmark = pytest.mark.service

BACK_SECONDS = 5.0

Submitted = list[tuple[str, str, str]]


@pytest.fixture
def submitted(bridge: BridgeWriter) -> Submitted:
    found: Submitted = []
    post(bridge, found)
    return found


@pytest.fixture
def service(embedded_home: Home, submitted: Submitted) -> Iterator[Service]:
    """Run the service on the embedded store, caught up with a first few messages."""
    with Service(embedded_home) as running:
        caught_up(running, embedded_home, submitted)
        yield running


def post(bridge: BridgeWriter, submitted: Submitted, count: int = 5) -> None:
    for _ in range(count):
        drop = f"DR{1_000_000 + len(submitted)}"
        submitted.append((LAWLEY, bridge.post(LAWLEY, drop), drop))


def caught_up(service: Service, home: Home, submitted: Submitted) -> None:
    drops = [drop for _, _, drop in submitted]
    service.wait_until(lambda: home.store.holds(*drops), "it has caught up", BACK_SECONDS)
    assert_exactly(home.store, submitted)


def remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        Path(f"{path}{ending}").unlink(missing_ok=True)


def test_the_file_is_held_by_another_program_for_a_while(
    service: Service, embedded_home: Home, bridge: BridgeWriter, submitted: Submitted
) -> None:
    with closing(sqlite3.connect(embedded_home.store.path, isolation_level=None)) as file:
        file.execute("BEGIN IMMEDIATE")
        post(bridge, submitted)
        service.wait_for('"Waiting for the store".*locked', 15)
        file.execute("ROLLBACK")
    caught_up(service, embedded_home, submitted)


def test_the_file_is_removed(
    service: Service, embedded_home: Home, bridge: BridgeWriter, submitted: Submitted
) -> None:
    remove(embedded_home.store.path)
    post(bridge, submitted)
    caught_up(service, embedded_home, submitted)


def test_the_file_is_replaced_by_an_older_copy(
    service: Service, embedded_home: Home, bridge: BridgeWriter, submitted: Submitted
) -> None:
    path = embedded_home.store.path
    older = path.with_name("older.db")
    with closing(sqlite3.connect(path)) as file, closing(sqlite3.connect(older)) as copy:
        file.backup(copy)
    post(bridge, submitted)
    caught_up(service, embedded_home, submitted)
    remove(path)
    shutil.move(older, path)
    post(bridge, submitted, 1)
    caught_up(service, embedded_home, submitted)
