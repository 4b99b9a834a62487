"""One message that a store refuses, or that cannot be read, stops nothing and is not lost."""

import json
import sqlite3
from contextlib import closing

import pytest

from monitor.demo.bridge_writer import BridgeWriter, new_message_id
from monitor.demo.groups import LAWLEY
from tests.delivery.commands import say
from tests.delivery.homes import Home
from tests.delivery.monitors import Monitor, settle_afresh
from tests.delivery.services import Service

REFUSED = ("DR1000007", "DR1001499", "DR1002999")
LIST = ", ".join(f"'{drop}'" for drop in REFUSED)
ON_SQLITE = f"""
CREATE TRIGGER refuse BEFORE INSERT ON qa_photo_reviews WHEN NEW.drop_number IN ({LIST})
BEGIN SELECT RAISE(ABORT, 'this site is closed'); END
"""
ON_POSTGRESQL = f"""
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'this site is closed'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON qa_photo_reviews FOR EACH ROW
WHEN (NEW.drop_number IN ({LIST})) EXECUTE FUNCTION refuse()
"""


@pytest.fixture
def refusing(home: Home) -> Home:
    """Prepare the store, and have it refuse three drops."""
    monitor = Monitor(home)
    monitor.store.migrate()
    monitor.close()
    home.store.query(ON_POSTGRESQL if home.database_url else ON_SQLITE)
    return home


def post_many(bridge: BridgeWriter, ids: dict[str, str]) -> None:
    """Post drops under these ids, in one transaction and with the chat written once."""
    bridge.post(LAWLEY, "Morning team")
    with closing(sqlite3.connect(bridge.path)) as file, file:
        file.executemany(
            "INSERT INTO messages (id, chat_jid, sender, content, timestamp)"
            " VALUES (?, ?, '27000000001', ?, '2025-11-10 04:47:03+00:00')",
            [(message_id, LAWLEY, drop) for drop, message_id in ids.items()],
        )


def accept_again(home: Home) -> None:
    where = " ON qa_photo_reviews" if home.database_url else ""
    home.store.query(f"DROP TRIGGER refuse{where}")


def test_of_three_thousand_messages_only_the_three_bad_ones_are_set_aside(
    refusing: Home, bridge: BridgeWriter
) -> None:
    home = refusing
    drops = [f"DR{1_000_000 + number}" for number in range(3_000)]
    ids = {drop: new_message_id() for drop in drops}
    post_many(bridge, ids)
    settle_afresh(home)
    assert home.store.drops() == sorted(set(drops) - set(REFUSED))
    letters = home.store.dead_letters()
    assert letters.keys() == {ids[drop] for drop in REFUSED}
    assert all("this site is closed" in error for error in letters.values())
    assert json.loads(home.state_path.read_text()) == {LAWLEY: ids[drops[-1]]}

    accept_again(home)
    settle_afresh(home)  # the cursor has passed them: only a replay takes them in
    assert len(home.store.dead_letters()) == 3
    replayed = say(home, "replay")
    assert replayed.code == 0
    assert "3 new drops" in replayed.out
    assert home.store.dead_letters() == {}
    assert home.store.drops() == drops


def test_what_is_set_aside_is_said_counted_and_kept_until_it_goes_in(
    refusing: Home, bridge: BridgeWriter
) -> None:
    home = refusing
    with Service(home) as service:
        bad = bridge.post(LAWLEY, f"DR1000000 {REFUSED[0]} DR1000001")
        bridge.post(LAWLEY, "DR1000002")
        service.wait_until(lambda: home.store.holds("DR1000002"), "the rest has gone in")
        said = service.wait_for("Message set aside as a dead letter")
        assert len(said) == 1
        assert bad in said[0]
        assert "this site is closed" in said[0]
        status = json.loads(say(home, "status", "--json").out)
        assert status["ready"] is True
        assert status["counts"] == {
            "drops": 1, "resubmissions": 0, "malformed": 0, "dead_letters": 1,
            "invalid": 0,
        }  # fmt: skip
        # Refused still, it stays, and its attempts are counted.
        again = say(home, "replay")
        assert again.code == 1
        assert "1 dead letters are left" in again.out
        assert home.store.query("SELECT attempts FROM wa_monitor_dead_letters") == [(2,)]
        assert say(home, "audit").code == 0
        accept_again(home)
        assert say(home, "replay").code == 0
        assert service.running
    assert home.store.drops() == sorted([*(f"DR100000{number}" for number in range(3)), REFUSED[0]])


def test_a_check_constraint_sets_aside_that_one_message(
    server_home: Home, bridge: BridgeWriter
) -> None:
    monitor = Monitor(server_home)
    monitor.store.migrate()
    server_home.store.query(
        "ALTER TABLE qa_photo_reviews ADD CHECK (drop_number <> 'DR1000001'),"
        " ALTER COLUMN submitted_by TYPE varchar(11)"
    )
    bridge.post(LAWLEY, "DR1000000")
    refused = bridge.post(LAWLEY, "DR1000001")
    too_long = bridge.post(LAWLEY, "DR1000002", sender="270000000012345")
    bridge.post(LAWLEY, "DR1000003")
    monitor.settle()
    monitor.close()
    assert server_home.store.drops() == ["DR1000000", "DR1000003"]
    letters = server_home.store.dead_letters()
    assert letters.keys() == {refused, too_long}
    assert "violates check constraint" in letters[refused]
    assert "value too long" in letters[too_long]


@pytest.mark.parametrize("written", ["yesterday", "", "2025-13-10 04:47:03+00:00", None])
def test_a_time_that_cannot_be_read_sets_aside_that_one_message(
    home: Home, bridge: BridgeWriter, monitor: Monitor, written: str | None
) -> None:
    bridge.post(LAWLEY, "DR1000000")
    bad = bridge.post(LAWLEY, "DR1000001", timestamp=written or "")
    if written is None:
        with closing(sqlite3.connect(bridge.path)) as file, file:
            file.execute("UPDATE messages SET timestamp = NULL WHERE id = ?", (bad,))
    chatter = bridge.post(LAWLEY, "no drop here", timestamp="yesterday")
    bridge.post(LAWLEY, "DR1000002")
    monitor.settle()
    assert home.store.drops() == ["DR1000000", "DR1000002"]
    letters = home.store.dead_letters()
    assert letters.keys() == {bad}
    assert "its time of posting: " in letters[bad]
    assert repr(written or "") in letters[bad]
    assert chatter not in letters
    settle_afresh(home)
    assert home.store.dead_letters() == letters


def test_a_message_that_is_delivered_again_with_a_time_that_can_be_read_goes_in(
    home: Home, bridge: BridgeWriter, monitor: Monitor
) -> None:
    bad = bridge.post(LAWLEY, "DR1000001", timestamp="yesterday")
    monitor.settle()
    assert home.store.dead_letters().keys() == {bad}
    bridge.post(LAWLEY, "DR1000001", message_id=bad)
    monitor.settle()
    assert home.store.drops() == ["DR1000001"]
    replayed = say(home, "replay")
    assert replayed.code == 0
    assert home.store.dead_letters() == {}
    assert home.store.drops() == ["DR1000001"]


def test_a_message_that_is_deleted_for_all_is_still_replayed_as_it_was(
    refusing: Home, bridge: BridgeWriter
) -> None:
    home = refusing
    refused = bridge.post(LAWLEY, REFUSED[0])
    settle_afresh(home)
    bridge.post(LAWLEY, "This message was deleted", message_id=refused)
    settle_afresh(home)
    accept_again(home)
    assert say(home, "replay").code == 0
    assert home.store.drops() == [REFUSED[0]]


def test_messages_without_an_id_are_each_set_aside(
    home: Home, bridge: BridgeWriter, monitor: Monitor
) -> None:
    bridge.post(LAWLEY, "Morning team")
    with closing(sqlite3.connect(bridge.path)) as file, file:
        file.executemany(
            "INSERT INTO messages (id, chat_jid, sender, content, timestamp)"
            " VALUES (NULL, ?, '27000000001', ?, '2025-11-10 04:47:03+00:00')",
            [(LAWLEY, f"DR100000{number}") for number in range(3)],
        )
    monitor.settle()
    assert home.store.drops() == []
    assert len(home.store.dead_letters()) == 3
    settle_afresh(home)
    assert say(home, "audit").code == 0
    replayed = say(home, "replay")
    assert replayed.code == 1
    assert len(home.store.dead_letters()) == 3
