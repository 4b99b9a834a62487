"""What crews and bridges put into a message: every drop is found, nothing is made of the rest."""

import sqlite3
from contextlib import closing

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY
from tests.delivery.homes import Home
from tests.delivery.monitors import Monitor, settle_afresh

TEN_DROPS = [f"DR{1_000_000 + number}" for number in range(10)]
LONG = "gate locked, photos to follow " * 2_200

TEXTS = {
    "ten": (" ".join(TEN_DROPS), TEN_DROPS),
    "64-kib": (f"{LONG[: (64 << 10) - 10]} DR1000000", ["DR1000000"]),
    "emoji": ("👷🏽‍♂️DR1000000✅ done 🔒", ["DR1000000"]),
    "right-to-left": ("تم التركيب DR1000000 في لولي", ["DR1000000"]),
    "direction-marks": ("\u202bDR1000000\u202c \u2067DR1000001\u2069", ["DR1000000", "DR1000001"]),
    "zero-width": ("DR\u200b1000000 and DR\u2060\u200d1000001", ["DR1000000", "DR1000001"]),
    "soft-hyphen": ("DR1000\u00ad000", ["DR1000000"]),
    "arabic-indic": ("DR" + "\u0661" + "\u0660" * 6, ["DR1000000"]),
    "full-width": ("DR" + "\uff11" + "\uff10" * 5 + "\uff11", ["DR1000001"]),
    "no-break-space": ("dr\u00a01000000", ["DR1000000"]),
    "nul-before": ("\0 DR1000000", ["DR1000000"]),
    "nul-within-words": ("pole\0DR1000000\0done", ["DR1000000"]),
    "lines": ("Lawley\r\ndr 1000000\nDr1000001", ["DR1000000", "DR1000001"]),
    "none": ("Dr Naidoo's drop cable 1000000", []),
}


@pytest.mark.parametrize(("text", "drops"), TEXTS.values(), ids=TEXTS.keys())
def test_every_drop_of_a_text_is_found(
    embedded_home: Home, bridge: BridgeWriter, text: str, drops: list[str]
) -> None:
    bridge.post(LAWLEY, text)
    settle_afresh(embedded_home)
    assert embedded_home.store.drops() == drops


def test_all_of_them_fit_every_store(home: Home, bridge: BridgeWriter, monitor: Monitor) -> None:
    for text, _ in TEXTS.values():
        bridge.post(LAWLEY, text)
    monitor.settle()
    assert home.store.drops() == sorted({drop for _, drops in TEXTS.values() for drop in drops})
    assert home.store.dead_letters() == {}


def test_content_that_is_no_text(home: Home, bridge: BridgeWriter, monitor: Monitor) -> None:
    ids = [bridge.post(LAWLEY, None) for _ in range(6)]
    contents = [
        None,
        b"DR1000000 as bytes",
        b"\xff\xfeDR1000001 \xc3( \xed\xa0\x80",
        "invalid",
        1000002,
        "DR1000003",
    ]
    with closing(sqlite3.connect(bridge.path)) as file, file:
        for message_id, content in zip(ids, contents, strict=True):
            file.execute("UPDATE messages SET content = ? WHERE id = ?", (content, message_id))
        file.execute(
            "UPDATE messages SET content = CAST(? AS TEXT) WHERE id = ?",
            (b"\xc3DR1000004 \xf0\x9f\x98 DR1000005", ids[3]),
        )
    monitor.settle()
    # \xc3 is no letter, so that DR1000004 begins a word.
    found = ["DR1000000", "DR1000001", "DR1000003", "DR1000004", "DR1000005"]
    assert home.store.drops() == found
    assert home.store.dead_letters() == {}


def test_the_zero_time_of_go_and_other_far_moments(
    home: Home, bridge: BridgeWriter, monitor: Monitor
) -> None:
    times = ["0001-01-01 00:00:00+00:00", "9999-12-31 23:59:59.999999+00:00", "0", "1762761600123"]
    for number, written in enumerate(times):
        bridge.post(LAWLEY, f"DR{1_000_000 + number}", timestamp=written)
        monitor.settle()
    settle_afresh(home)
    bridge.post(LAWLEY, "DR1000000 again")
    settle_afresh(home)
    assert home.store.drops() == TEN_DROPS[:4]
    years = {
        row.drop_number: row.posted_at.year
        for row in monitor.store.latest_drops(9)
        if row.posted_at
    }
    assert years == {"DR1000000": 1, "DR1000001": 9999, "DR1000002": 1970, "DR1000003": 2025}
    assert sorted(home.store.outcomes().values()) == ["new"] * 4 + ["resubmission"]


MORE_COLUMNS = (
    "ALTER TABLE messages ADD COLUMN quoted_id TEXT; ALTER TABLE messages ADD COLUMN views INT"
)
OTHER_BRIDGE = """
CREATE TABLE messages (chat_jid TEXT, timestamp TEXT, id TEXT, body_hash BLOB, content TEXT);
INSERT INTO messages VALUES
    ('120363418298130331@g.us', '2025-11-10 04:47:03', 'AAAA', x'00', 'DR1000000 done'),
    ('120363418298130331@g.us', '2025-11-10 04:47:04', 'BBBB', NULL, 'morning');
"""


def test_more_columns_than_usual(home: Home, bridge: BridgeWriter, monitor: Monitor) -> None:
    bridge.post(LAWLEY, "DR1000000")
    monitor.settle()
    with closing(sqlite3.connect(bridge.path)) as file:
        file.executescript(MORE_COLUMNS)
        file.execute(
            "INSERT INTO messages (id, chat_jid, sender, content, timestamp, quoted_id, views)"
            " VALUES ('AAAA', ?, '27000000002', 'DR1000001', '2025-11-10 04:47:03', 'X', 3)",
            (LAWLEY,),
        )
        file.commit()
    monitor.settle()
    assert home.store.drops() == TEN_DROPS[:2]


def test_no_columns_but_the_needed_ones_in_another_order(home: Home, monitor: Monitor) -> None:
    home.bridge_path.parent.mkdir()
    with closing(sqlite3.connect(home.bridge_path)) as file:
        file.executescript(OTHER_BRIDGE)
    monitor.settle()
    assert home.store.query("SELECT drop_number, user_name, project FROM qa_photo_reviews") == [
        ("DR1000000", "", "Lawley")
    ]


def test_the_monitors_own_and_ignored_senders_messages_submit_nothing(
    home: Home, bridge: BridgeWriter
) -> None:
    with (home.path / "config" / "projects.yaml").open("a") as projects:
        projects.write('ignore_senders: ["27000000099"]\n')
    bridge.post(LAWLEY, "DR1000000 thank you", is_from_me=True)
    bridge.post(LAWLEY, "DR1000001 received", sender="27000000099")
    bridge.post(LAWLEY, "DR1000002")
    settle_afresh(home)
    assert home.store.drops() == ["DR1000002"]
