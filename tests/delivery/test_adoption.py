"""A QA table that the old system filled is taken over: no column changed, no row touched."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY
from monitor.store.migrations import migrations
from monitor.store.postgresql_fitness import WRITTEN
from tests.delivery.commands import say
from tests.delivery.homes import Home
from tests.delivery.monitors import Monitor, settle_afresh
from tests.delivery.old_system import LAST_DAY, LOST_DROPS, STATE, leave_table
from tests.delivery.services import Service
from tests.qa_table import OLDER_TABLE, TABLE

OLD_DROPS = ("DR1751001", "DR1751002", "DR1751003")
EVERY_TABLE = pytest.mark.parametrize("table", [TABLE, OLDER_TABLE], ids=["old", "older"])

DEFINITION = """
SELECT column_name, ordinal_position, data_type, column_default, is_nullable, udt_name,
       character_maximum_length FROM information_schema.columns
WHERE table_name = 'qa_photo_reviews' ORDER BY ordinal_position
"""
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'qa_photo_reviews'"
CONSTRAINTS = (
    "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE conrelid = 'qa_photo_reviews'::regclass ORDER BY 1"
)
OLD_ROWS = "SELECT * FROM qa_photo_reviews WHERE drop_number LIKE 'DR1751%' ORDER BY drop_number"


def definition(home: Home) -> list[Any]:
    return [sorted(home.store.query(each)) for each in (DEFINITION, INDEXES, CONSTRAINTS)]


def post_old_drops(bridge: BridgeWriter, at: datetime = LAST_DAY) -> None:
    """Post what the old system had seen, minutes before its last row."""
    for number, drop in enumerate(OLD_DROPS):
        bridge.post(LAWLEY, f"{drop} done", timestamp=at - timedelta(minutes=9 - number))


@EVERY_TABLE
def test_migrations_change_no_column_that_exists(
    server_home: Home, database_url: str, table: str
) -> None:
    leave_table(database_url, *OLD_DROPS, table=table)
    before, rows = definition(server_home), server_home.store.query(OLD_ROWS)
    assert say(server_home, "db", "check").code == 0
    migrated = say(server_home, "db", "migrate").out.splitlines()
    assert migrated == [f"applied {step.name}" for step in migrations("postgresql")]
    assert say(server_home, "db", "migrate").out == "schema is up to date\n"
    assert definition(server_home) == before
    assert server_home.store.query(OLD_ROWS) == rows


@EVERY_TABLE
def test_new_drops_go_into_the_old_table(
    server_home: Home, database_url: str, bridge: BridgeWriter, table: str
) -> None:
    leave_table(database_url, *OLD_DROPS, table=table)
    at = LAST_DAY + timedelta(days=1)
    bridge.post(LAWLEY, "DR1752028 done", sender="27000000007", timestamp=at)
    settle_afresh(server_home)
    written = server_home.store.query(
        "SELECT project, user_name, whatsapp_message_date::timestamp::text, completed, incomplete,"
        " resubmitted, step_12_customer_signature FROM qa_photo_reviews"
        " WHERE drop_number = 'DR1752028'"
    )
    assert written == [("Lawley", "27000000007", "2025-11-10 18:00:00", False, False, False, False)]


@EVERY_TABLE
def test_old_rows_are_never_taken_for_resubmissions(
    server_home: Home, database_url: str, bridge: BridgeWriter, table: str
) -> None:
    leave_table(database_url, *OLD_DROPS, table=table)
    before = server_home.store.query(OLD_ROWS)
    post_old_drops(bridge)
    for _ in range(3):
        settle_afresh(server_home)
        server_home.state_path.unlink()
        for message_id, _ in server_home.store.outcomes():
            bridge.redeliver(message_id, LAWLEY)
    assert set(server_home.store.outcomes().values()) == {"earlier"}
    assert server_home.store.query(OLD_ROWS) == before


@EVERY_TABLE
def test_a_true_later_resubmission_is_one(
    server_home: Home, database_url: str, bridge: BridgeWriter, table: str
) -> None:
    leave_table(database_url, *OLD_DROPS, table=table)
    server_home.store.query(
        "UPDATE qa_photo_reviews SET incomplete = true, feedback_sent = '2025-11-09 17:00',"
        " step_01_house_photo = true, completed_photos = 1"
    )
    post_old_drops(bridge)
    bridge.post(LAWLEY, "DR1751002 again", timestamp=LAST_DAY + timedelta(minutes=1))
    for _ in range(2):
        settle_afresh(server_home)
        server_home.state_path.unlink()
    rows = server_home.store.query(
        "SELECT drop_number, resubmitted, incomplete, feedback_sent IS NULL, comment,"
        " step_01_house_photo, completed_photos, updated_at > created_at"
        " FROM qa_photo_reviews ORDER BY drop_number"
    )
    untouched = (False, True, False, "checked", True, 1, False)
    comment = "checked\nResubmitted in Lawley on 2025-11-09 18:01:00 UTC"
    assert rows == [
        ("DR1751001", *untouched),
        ("DR1751002", True, False, True, comment, True, 1, True),
        ("DR1751003", *untouched),
    ]


def test_a_table_that_lacks_a_needed_column_is_refused_with_its_name(
    server_home: Home, database_url: str
) -> None:
    leave_table(database_url)
    monitor = Monitor(server_home)
    for column in WRITTEN:
        server_home.store.query(f"ALTER TABLE qa_photo_reviews RENAME {column} TO mislaid")
        faults = monitor.store.faults()
        assert any(f"has no column {column}," in fault for fault in faults), faults
        server_home.store.query(f"ALTER TABLE qa_photo_reviews RENAME mislaid TO {column}")
    assert monitor.store.faults() == []
    monitor.close()


SPOILT = {
    "no-column": (
        "ALTER TABLE qa_photo_reviews DROP COLUMN comment",
        "has no column comment, which the monitor needs",
        "ALTER TABLE qa_photo_reviews ADD COLUMN comment TEXT",
    ),
    "no-unique-index": (
        "ALTER TABLE qa_photo_reviews DROP CONSTRAINT qa_photo_reviews_drop_number_key",
        "has no unique index on drop_number alone",
        "CREATE UNIQUE INDEX ON qa_photo_reviews (drop_number)",
    ),
    "partial-index": (
        "ALTER TABLE qa_photo_reviews DROP CONSTRAINT qa_photo_reviews_drop_number_key;"
        " CREATE UNIQUE INDEX ON qa_photo_reviews (drop_number) WHERE NOT completed",
        "has no unique index on drop_number alone",
        "CREATE UNIQUE INDEX ON qa_photo_reviews (drop_number)",
    ),
    "column-without-default": (
        "ALTER TABLE qa_photo_reviews ADD COLUMN region TEXT NOT NULL",
        "qa_photo_reviews.region is NOT NULL and has no default",
        "ALTER TABLE qa_photo_reviews ALTER COLUMN region SET DEFAULT 'north'",
    ),
}


@pytest.mark.parametrize(("spoil", "words", "mend"), SPOILT.values(), ids=SPOILT.keys())
def test_an_unfit_table_is_said_to_be_so_and_waited_for(
    server_home: Home, database_url: str, bridge: BridgeWriter, spoil: str, words: str, mend: str
) -> None:
    leave_table(database_url)
    server_home.store.query(spoil)
    before = definition(server_home)
    bridge.post(LAWLEY, "DR1752028")
    checked = say(server_home, "db", "check")
    assert checked.code == 1
    assert words in checked.err
    with Service(server_home) as service:
        service.wait_for(f'"Waiting for the store".*{words}')
        assert definition(server_home) == before
        server_home.store.query(mend)
        service.wait_until(lambda: server_home.store.holds("DR1752028"), "it goes on", 5)


def test_an_index_lost_while_the_service_runs_costs_no_drop(
    server_home: Home, database_url: str, bridge: BridgeWriter
) -> None:
    leave_table(database_url)
    bridge.post(LAWLEY, "DR1752028")
    with Service(server_home) as service:
        service.wait_until(lambda: server_home.store.holds("DR1752028"), "it has caught up")
        server_home.store.query("ALTER TABLE qa_photo_reviews RENAME comment TO remarks")
        bridge.post(LAWLEY, "DR1752034")
        service.wait_for('"Waiting for the store".*comment')
        server_home.store.query("ALTER TABLE qa_photo_reviews RENAME remarks TO comment")
        service.wait_until(lambda: server_home.store.holds("DR1752034"), "it goes on", 5)
    assert server_home.store.dead_letters() == {}


def test_the_audit_finds_what_the_old_system_lost_and_repairs_it(
    server_home: Home, database_url: str, bridge: BridgeWriter
) -> None:
    leave_table(database_url, *OLD_DROPS)
    server_home.state_path.write_text(f'{{"{LAWLEY}": "{STATE[LAWLEY]}"}}')
    bridge.post(LAWLEY, "DR1700000 of October", timestamp="2025-10-31 23:59:59+00:00")
    post_old_drops(bridge)
    for drop in LOST_DROPS:
        bridge.post(LAWLEY, f"{drop} Lawley", timestamp=LAST_DAY - timedelta(hours=2))
    bridge.post(LAWLEY, "thank you", message_id=STATE[LAWLEY], timestamp=LAST_DAY)
    settle_afresh(server_home)
    assert server_home.store.drops() == sorted(OLD_DROPS)

    found = say(server_home, "audit", "--since", "2025-11-01")
    assert found.code == 1
    missed = [line for line in found.out.splitlines() if line.startswith("missed new: ")]
    assert sorted(line.split()[2] for line in missed) == sorted(LOST_DROPS)
    assert server_home.store.drops() == sorted(OLD_DROPS)

    repaired = say(server_home, "audit", "--since", "2025-11-01", "--repair")
    assert repaired.code == 0
    assert "repaired: 5 new drops, 0 resubmissions" in repaired.out
    assert server_home.store.drops() == sorted([*OLD_DROPS, *LOST_DROPS])

    good = say(server_home, "audit", "--since", "2025-11-01")
    assert (good.code, good.err) == (0, "")
    assert good.out == "nothing missed: 8 submissions in the bridge are settled\n"
