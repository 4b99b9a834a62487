"""Whatever a bridge does to its file, each submission is settled once."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY, MOHADIN, VELO_TEST
from tests.delivery.homes import Home
from tests.delivery.monitors import Monitor, settle_afresh
from tests.delivery.stores import assert_exactly

NOON = datetime(2025, 11, 10, 12, 0, tzinfo=UTC)


class Chronicle:
    """A bridge, and every submission that it was told."""

    def __init__(self, path: Path, *, wal: bool) -> None:
        self.writer = BridgeWriter(path, wal=wal, fsync=False)
        self.submitted: list[tuple[str, str, str]] = []

    def post(self, number: int, group: str = LAWLEY, at: datetime | None = None) -> str:
        """Post one drop and return the message's id."""
        drop = f"DR{number}"
        message_id = self.writer.post(group, f"{drop} done", timestamp=at)
        self.submitted.append((group, message_id, drop))
        return message_id


@pytest.fixture
def chronicle(home: Home, monitor: Monitor) -> Iterator[Chronicle]:
    """Post ten messages in two groups, and let the running monitor settle them.

    The journal mode goes with the store, for neither knows of the other.
    """
    found = Chronicle(home.bridge_path, wal=home.database_url is None)
    for number in range(10):
        found.post(200_000 + number, (LAWLEY, MOHADIN)[number % 2])
    monitor.settle()
    yield found
    found.writer.close()


def check(chronicle: Chronicle, home: Home, monitor: Monitor) -> None:
    """Let the running monitor settle, then one that has just started: nothing differs."""
    monitor.settle()
    assert_exactly(home.store, chronicle.submitted)
    settle_afresh(home)
    assert_exactly(home.store, chronicle.submitted)
    assert set(home.store.outcomes().values()) == {"new"}


def test_the_cursors_own_message_replaced(
    chronicle: Chronicle, home: Home, monitor: Monitor
) -> None:
    newest = chronicle.post(300_000)
    monitor.settle()
    chronicle.writer.redeliver(newest, LAWLEY)
    chronicle.post(300_001)
    check(chronicle, home, monitor)


def test_earlier_messages_replaced(chronicle: Chronicle, home: Home, monitor: Monitor) -> None:
    for group, message_id, _ in chronicle.submitted[:7]:
        chronicle.writer.redeliver(message_id, group)
        monitor.settle()
    chronicle.post(300_000)
    check(chronicle, home, monitor)


def test_a_replaced_message_that_now_has_another_drop(
    chronicle: Chronicle, home: Home, monitor: Monitor
) -> None:
    group, message_id, _ = chronicle.submitted[2]
    chronicle.writer.post(group, "DR300000 sorry, wrong one", message_id=message_id)
    chronicle.submitted.append((group, message_id, "DR300000"))
    check(chronicle, home, monitor)


def test_vacuum_that_renumbers_the_rows(chronicle: Chronicle, home: Home, monitor: Monitor) -> None:
    for group, message_id, _ in chronicle.submitted[3:6]:
        chronicle.writer.redeliver(message_id, group)
    monitor.settle()
    chronicle.writer.vacuum()
    for number in range(5):
        chronicle.post(300_000 + number)
    check(chronicle, home, monitor)


@pytest.mark.parametrize("posted", [1, 3, 8], ids=["fewer", "as-many", "more"])
def test_the_newest_rows_deleted_and_their_rowids_given_out_again(
    chronicle: Chronicle, home: Home, monitor: Monitor, posted: int
) -> None:
    chronicle.writer.delete_newest(3)
    for number in range(posted):
        chronicle.post(300_000 + number, VELO_TEST)
    check(chronicle, home, monitor)


def test_every_row_deleted(chronicle: Chronicle, home: Home, monitor: Monitor) -> None:
    chronicle.writer.delete_newest(10)
    monitor.settle()
    for number in range(10):
        chronicle.post(300_000 + number)
    check(chronicle, home, monitor)


@pytest.mark.parametrize("posted", [3, 10, 25], ids=["shorter", "as-long", "longer"])
def test_a_new_file_at_the_same_path(
    chronicle: Chronicle, home: Home, monitor: Monitor, posted: int
) -> None:
    chronicle.writer.replace_file()
    for number in range(posted):
        chronicle.post(300_000 + number)
    check(chronicle, home, monitor)


def test_a_new_file_moved_over_the_old_one(
    chronicle: Chronicle, home: Home, monitor: Monitor
) -> None:
    chronicle.writer.close()
    fresh = Chronicle(home.bridge_path.with_name("new.db"), wal=False)
    fresh.submitted = chronicle.submitted
    for number in range(12):
        fresh.post(300_000 + number)
    fresh.writer.close()
    for ending in ("-wal", "-shm"):
        Path(f"{home.bridge_path}{ending}").unlink(missing_ok=True)
    fresh.writer.path.rename(home.bridge_path)
    check(chronicle, home, monitor)


def test_an_older_copy_of_the_file_put_back(
    chronicle: Chronicle, home: Home, monitor: Monitor
) -> None:
    chronicle.writer.close()
    copy = home.bridge_path.with_name("copy.db")
    shutil.copy(home.bridge_path, copy)
    chronicle.writer = BridgeWriter(home.bridge_path, fsync=False)
    for number in range(4):
        chronicle.post(300_000 + number)
    monitor.settle()
    chronicle.writer.close()
    copy.rename(home.bridge_path)
    chronicle.writer = BridgeWriter(home.bridge_path, fsync=False)
    for number in range(4):
        chronicle.post(400_000 + number)
    check(chronicle, home, monitor)


def test_old_messages_that_history_sync_brings_late(
    chronicle: Chronicle, home: Home, monitor: Monitor
) -> None:
    for number in range(5):
        chronicle.post(300_000 + number, at=NOON - timedelta(days=30 - number))
        chronicle.post(400_000 + number)
    check(chronicle, home, monitor)


def test_messages_in_the_same_second(chronicle: Chronicle, home: Home, monitor: Monitor) -> None:
    for number in range(6):
        chronicle.post(300_000 + number, (LAWLEY, MOHADIN)[number % 2], at=NOON)
        if number % 2:
            monitor.settle()
    check(chronicle, home, monitor)


def test_the_switch_from_one_journal_mode_to_the_other(
    chronicle: Chronicle, home: Home, monitor: Monitor
) -> None:
    chronicle.writer.close()
    monitor.close()  # SQLite changes the mode only while nobody else has the file open
    chronicle.writer = BridgeWriter(home.bridge_path, wal=True, fsync=False)
    chronicle.post(300_000)
    check(chronicle, home, monitor)


def test_the_hosts_zone_does_not_change_the_order(home: Home, monitor: Monitor) -> None:
    times = {
        "DR300000": "2025-11-10 12:00:00+02:00",
        "DR300001": "2025-11-10 10:00:00.25+00:00",
        "DR300002": "2025-11-10 05:00:00.500 -0500 EST",
        "DR300003": "2025-11-10T10:00:00.75Z",
    }
    with BridgeWriter(home.bridge_path, fsync=False) as writer:
        for drop, written in times.items():
            writer.post(LAWLEY, drop, timestamp=written)
        # The same drop again, half a second before and after all that, in other zones.
        before = writer.post(LAWLEY, "DR300000", timestamp="2025-11-10 14:59:59.5+05:00")
        writer.zone = timezone(timedelta(hours=-8))
        after = writer.post(LAWLEY, "DR300000", timestamp=NOON - timedelta(hours=1, minutes=59))
    monitor.settle()
    rows = {row.drop_number: row.posted_at for row in monitor.store.latest_drops(10)}
    ten = datetime(2025, 11, 10, 10, 0, tzinfo=UTC)
    assert rows == {drop: ten + timedelta(seconds=number / 4) for number, drop in enumerate(times)}
    outcomes = home.store.outcomes()
    assert outcomes[(before, "DR300000")] == "earlier"
    assert outcomes[(after, "DR300000")] == "resubmission"
