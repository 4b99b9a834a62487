"""A sender is named by phone number: at once if it is known, later if it becomes known."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from monitor.bridge.senders import SenderBook
from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY
from monitor.service import service as service_module
from monitor.service.upkeep import put_senders_right
from tests.delivery.homes import Home
from tests.delivery.monitors import Monitor, settle_afresh
from tests.delivery.old_system import leave_table
from tests.delivery.services import Service
from tests.qa_table import OLDER_TABLE

LID, PHONE = "10000000000001", "27000000009"
OTHER_LID = "10000000000002"


def named(home: Home) -> list[tuple[str, str, str]]:
    return sorted(
        home.store.query("SELECT drop_number, user_name, submitted_by FROM qa_photo_reviews")
    )


def ledger_senders(home: Home) -> list[str]:
    return sorted(row[0] for row in home.store.query("SELECT sender FROM wa_monitor_ledger"))


def book_of(home: Home) -> SenderBook:
    return SenderBook(home.bridge_path.with_name("whatsapp.db"))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        yield
        writer.execute("ROLLBACK")


def test_a_known_lid_is_a_phone_number_at_once(home: Home, bridge: BridgeWriter) -> None:
    bridge.map_lid(LID, PHONE)
    bridge.post(LAWLEY, "DR1000001 and DR12", sender=LID)
    bridge.post(LAWLEY, "DR1000002", sender="27000000001")
    settle_afresh(home)
    assert named(home) == [
        ("DR1000001", PHONE, PHONE),
        ("DR1000002", "27000000001", "27000000001"),
    ]
    assert ledger_senders(home) == ["27000000001", PHONE]


def test_a_whole_id_is_looked_up_by_its_digits(home: Home, bridge: BridgeWriter) -> None:
    bridge.map_lid(LID, PHONE)
    bridge.post(LAWLEY, "DR1000001", sender=f"{LID}:7@lid")
    settle_afresh(home)
    assert named(home) == [("DR1000001", PHONE, PHONE)]


@pytest.mark.parametrize("listed", [LID, PHONE])
def test_an_ignored_sender_is_ignored_by_either_name(
    home: Home, bridge: BridgeWriter, listed: str
) -> None:
    with (home.path / "config" / "projects.yaml").open("a") as projects:
        projects.write(f'ignore_senders: ["{listed}"]\n')
    bridge.map_lid(LID, PHONE)
    bridge.post(LAWLEY, "DR1000001", sender=LID)
    bridge.post(LAWLEY, "DR1000002", sender=OTHER_LID)
    settle_afresh(home)
    assert home.store.drops() == ["DR1000002"]


def test_a_mapping_that_comes_later_puts_the_sender_right(home: Home, bridge: BridgeWriter) -> None:
    bridge.map_lid(OTHER_LID, "27000000008")
    bridge.post(LAWLEY, "DR1000001 and DR12345", sender=LID)
    bridge.post(LAWLEY, "DR1000002", sender=LID)
    bridge.post(LAWLEY, "DR1000003", sender=LID)
    settle_afresh(home)
    assert ledger_senders(home) == [LID] * 3
    home.store.query(
        "UPDATE qa_photo_reviews SET user_name = 'Zanele' WHERE drop_number = 'DR1000002'"
    )
    home.store.query(
        "UPDATE qa_photo_reviews SET submitted_by = 'Sipho' WHERE drop_number = 'DR1000003'"
    )
    bridge.map_lid(LID, PHONE)
    assert home.ask("audit", "--repair").returncode == 0
    assert named(home) == [
        ("DR1000001", PHONE, PHONE),
        ("DR1000002", "Zanele", LID),
        ("DR1000003", PHONE, "Sipho"),
    ]
    assert ledger_senders(home) == [PHONE] * 3
    assert home.store.query("SELECT sender FROM wa_monitor_malformed") == [(PHONE,)]


def test_a_row_of_the_old_system_is_never_touched(home: Home, bridge: BridgeWriter) -> None:
    settle_afresh(home)
    home.store.query(
        "INSERT INTO qa_photo_reviews (drop_number, user_name, submitted_by)"
        f" VALUES ('DR1000001', '{LID}', '{LID}')"
    )
    bridge.post(LAWLEY, "DR1000001", sender=LID)
    settle_afresh(home)
    bridge.map_lid(LID, PHONE)
    assert home.ask("audit", "--repair").returncode == 0
    assert named(home) == [("DR1000001", LID, LID)]


def test_the_older_table_is_put_right_too(server_home: Home, bridge: BridgeWriter) -> None:
    assert server_home.database_url
    leave_table(server_home.database_url, table=OLDER_TABLE)
    bridge.post(LAWLEY, "DR1000001", sender=LID)
    settle_afresh(server_home)
    bridge.map_lid(LID, PHONE)
    monitor = Monitor(server_home)
    assert put_senders_right(monitor.store, book_of(server_home)) == 2
    assert put_senders_right(monitor.store, book_of(server_home)) == 0
    monitor.close()
    assert server_home.store.query("SELECT user_name FROM qa_photo_reviews") == [(PHONE,)]


def test_the_running_service_learns_a_mapping(embedded_home: Home, bridge: BridgeWriter) -> None:
    with Service(embedded_home) as service:
        bridge.post(LAWLEY, "DR1000001", sender=LID)
        service.wait_until(lambda: embedded_home.store.holds("DR1000001"), "the first is there")
        bridge.map_lid(LID, PHONE)
        bridge.post(LAWLEY, "DR1000002", sender=LID)
        service.wait_until(lambda: embedded_home.store.holds("DR1000002"), "the second is there")
    assert [user for _, user, _ in named(embedded_home)] == [LID, PHONE]
    with Service(embedded_home) as service:
        service.wait_for("Senders put right")
    assert [user for _, user, _ in named(embedded_home)] == [PHONE, PHONE]
    assert service_module.UPKEEP_SECONDS <= 3600


def test_a_locked_file_makes_nobody_wait_and_is_asked_again(
    home: Home, bridge: BridgeWriter, monitor: Monitor
) -> None:
    bridge.map_lid(LID, PHONE)
    bridge.post(LAWLEY, "DR1000001", sender=LID)
    with locked(home.bridge_path.with_name("whatsapp.db")):
        monitor.settle()
    assert named(home) == [("DR1000001", LID, LID)]
    bridge.post(LAWLEY, "DR1000002", sender=LID)
    monitor.settle()
    assert named(home)[1] == ("DR1000002", PHONE, PHONE)


UNFIT = {
    "empty": b"",
    "no database": b"this is no database, and long enough to be looked at" * 20,
    "truncated": b"SQLite format 3\0" + b"\0" * 40,
}


@pytest.mark.parametrize("content", UNFIT.values(), ids=UNFIT.keys())
def test_an_unfit_file_is_no_fault(
    embedded_home: Home, bridge: BridgeWriter, content: bytes
) -> None:
    embedded_home.bridge_path.with_name("whatsapp.db").write_bytes(content)
    bridge.post(LAWLEY, "DR1000001", sender=LID)
    settle_afresh(embedded_home)
    assert named(embedded_home) == [("DR1000001", LID, LID)]


def test_a_table_of_another_make_and_numbers_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "whatsapp.db"
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE whatsmeow_lid_map (lid, pn)")
        file.executemany(
            "INSERT INTO whatsmeow_lid_map VALUES (?, ?)",
            [("1", None), ("2", ""), ("3", "not a number"), ("4", b"\xff\xfe"), ("5", PHONE)],
        )
        file.commit()
    assert SenderBook(path).phones(["1", "2", "3", "4", "5", "6", ""]) == {"5": PHONE}
    with closing(sqlite3.connect(path)) as file:
        file.execute("ALTER TABLE whatsmeow_lid_map RENAME COLUMN pn TO phone")
    assert SenderBook(path).phones(["5"]) == {}


def test_a_file_that_is_replaced_is_opened_again(tmp_path: Path) -> None:
    with BridgeWriter(tmp_path / "messages.db", fsync=False) as bridge:
        path = tmp_path / "whatsapp.db"
        book = SenderBook(path)
        assert book.phones([LID]) == {}
        bridge.map_lid(LID, PHONE)
        assert book.phones([LID, OTHER_LID]) == {LID: PHONE}
        path.rename(tmp_path / "old.db")
        bridge.map_lid(OTHER_LID, "27000000008")
        assert book.phones([LID, OTHER_LID]) == {LID: PHONE, OTHER_LID: "27000000008"}
        book.close()
