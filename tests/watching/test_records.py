"""What is remembered of starts, backups and days."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from monitor.backups import NOTE, last_backup
from monitor.demo.groups import LAWLEY, MAMELODI
from monitor.drops.submissions import Submission
from monitor.service.notes import Notes
from monitor.service.starts import KEPT, note_start, read_starts
from monitor.settings.environment import Environment
from monitor.store.postgresql import PostgresStore
from monitor.store.protocol import Store
from monitor.store.records import Batch, Day, DayMessages
from monitor.store.sqlite import SqliteStore

NOW = datetime(2025, 11, 11, 9, 0, tzinfo=UTC)


def test_starts_are_counted_over_processes(tmp_path: Path) -> None:
    for minute in range(KEPT + 10):
        starts = note_start(tmp_path, NOW + timedelta(minutes=minute))
    assert starts == read_starts(tmp_path)
    assert (starts.restarts, len(starts.recent)) == (KEPT + 9, KEPT)
    assert starts.within(timedelta(minutes=10), NOW + timedelta(minutes=KEPT + 9)) == 11


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"recent": 3}', '{"recent": ["soon"], "total": "x"}', '{"recent": [1]}'],
)
def test_a_damaged_note_counts_as_none(tmp_path: Path, text: str) -> None:
    notes = Notes(tmp_path, "starts")
    notes.write({"total": 1})
    (tmp_path / "logs" / "starts.json").write_text(text)
    assert read_starts(tmp_path).recent == ()
    assert note_start(tmp_path, NOW).recent == (NOW,)


def environment(root: Path) -> Environment:
    home = root / "prod"
    home.mkdir(exist_ok=True)
    return Environment(home, None, root / "messages.db", "host/prod")


def test_the_newest_complete_backup_is_found(tmp_path: Path) -> None:
    assert last_backup(environment(tmp_path)) is None
    for name, complete in (
        ("2025-11-09/prod-235959Z", True),
        ("2025-11-10/prod-010203Z", True),
        ("2025-11-10/prod-020304Z", False),
        ("2025-11-11/dev-010203Z", True),
        ("2025-11-12/.prod-010203Z.partial", True),
    ):
        folder = tmp_path / "backups" / name
        folder.mkdir(parents=True)
        if complete:
            (folder / "MANIFEST.json").touch()
    made = datetime(2025, 11, 10, 1, 2, 3, tzinfo=UTC)
    assert last_backup(environment(tmp_path)) == ("2025-11-10/prod-010203Z", made)


def test_where_the_backups_may_not_be_seen_the_note_counts(tmp_path: Path) -> None:
    found = environment(tmp_path)
    (found.home / NOTE).write_text("2025-11-10/prod-010203Z\n")
    assert last_backup(found) is not None
    (found.home / NOTE).write_text("yesterday\n")
    assert last_backup(found) is None


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        made: Store = SqliteStore(tmp_path / "drops.db")
    else:
        made = PostgresStore(request.getfixturevalue("database_url"))
    made.migrate()
    yield made
    made.close()


def submission(drop: str, message: str, posted_at: datetime) -> Submission:
    return Submission(drop, message, LAWLEY, "Lawley", "27000000001", posted_at)


def test_days_hold_messages_and_what_the_ledger_knows(store: Store) -> None:
    late = datetime(2025, 11, 10, 23, 59, 59, tzinfo=UTC)
    batch = Batch(
        [
            submission("DR1752028", "A", late),
            submission("DR1752028", "B", late + timedelta(seconds=1)),
            submission("DR1752034", "B", late + timedelta(seconds=1)),
        ]
    )
    store.deliver("host/prod", batch)
    store.deliver("host/prod", batch)  # read again: nothing is counted twice
    store.add_days([DayMessages(date(2025, 11, 11), MAMELODI, 5)])
    assert store.days(date(2025, 11, 10)) == [
        Day(date(2025, 11, 10), LAWLEY, 0, 1, 0),
        Day(date(2025, 11, 11), MAMELODI, 5, 0, 0),
        Day(date(2025, 11, 11), LAWLEY, 0, 1, 1),
    ]
    assert [day.day for day in store.days(date(2025, 11, 11))] == [date(2025, 11, 11)] * 2


def test_of_two_counts_of_a_day_the_higher_stays(store: Store) -> None:
    day = date(2025, 11, 10)
    for count in (3, 7, 2):
        store.add_days([DayMessages(day, LAWLEY, count), DayMessages(day, MAMELODI, 1)])
    assert [each.messages for each in store.days(day)] == [1, 7]


def test_a_store_of_its_own_has_not_been_adopted(store: Store) -> None:
    assert store.adopted_at() is None
