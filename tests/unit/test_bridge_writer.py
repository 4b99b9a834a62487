"""The test bridge writes what the Go bridge writes."""

import re
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from shutil import copy
from typing import Any

import pytest

from monitor.demo import bridge_writer
from monitor.demo.bridge_writer import BridgeWriter, go_time, new_message_id
from monitor.demo.groups import KNOWN_GROUPS, LAWLEY, MAMELODI


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "messages.db"


def test_the_schema_is_the_bridges(path: Path) -> None:
    BridgeWriter(path).close()
    columns = [(name, kind, key) for _, name, kind, _, _, key in rows(path, TABLE_INFO)]
    assert columns == [
        ("id", "TEXT", 1),
        ("chat_jid", "TEXT", 2),
        ("sender", "TEXT", 0),
        ("content", "TEXT", 0),
        ("timestamp", "TIMESTAMP", 0),
        ("is_from_me", "BOOLEAN", 0),
        ("media_type", "TEXT", 0),
        ("filename", "TEXT", 0),
        ("url", "TEXT", 0),
        ("media_key", "BLOB", 0),
        ("file_sha256", "BLOB", 0),
        ("file_enc_sha256", "BLOB", 0),
        ("file_length", "INTEGER", 0),
    ]
    assert rows(path, "SELECT count(*) FROM pragma_index_list('messages')") == [(1,)]


TABLE_INFO = "PRAGMA table_info(messages)"


@pytest.mark.parametrize("wal", [False, True])
def test_a_post_is_there_for_another_reader_at_once(path: Path, wal: bool) -> None:
    with BridgeWriter(path, wal=wal) as writer:
        message_id = writer.post(LAWLEY, "DR1752028", timestamp="2025-11-10 04:47:03+00:00")
        assert rows(path, "SELECT id, chat_jid, content, timestamp, is_from_me FROM messages") == [
            (message_id, LAWLEY, "DR1752028", "2025-11-10 04:47:03+00:00", 0)
        ]
        assert rows(path, "PRAGMA journal_mode") == [("wal" if wal else "delete",)]


def test_an_uncommitted_post_waits_for_the_commit(path: Path) -> None:
    with BridgeWriter(path) as writer:
        writer.post(LAWLEY, "DR1752028", commit=False)
        assert rows(path, "SELECT count(*) FROM messages") == [(0,)]
        writer.post(LAWLEY, "DR1752034")
        assert rows(path, "SELECT count(*) FROM messages") == [(2,)]


def test_a_photo_without_caption_has_empty_content(path: Path) -> None:
    with BridgeWriter(path) as writer:
        writer.post(MAMELODI, "", media_type="image")
    assert rows(path, "SELECT content, media_type, media_key IS NULL FROM messages") == [
        ("", "image", 0)
    ]


def test_a_redelivered_message_gets_a_new_rowid(path: Path) -> None:
    with BridgeWriter(path) as writer:
        first = writer.post(LAWLEY, "DR1752028")
        last = writer.post(LAWLEY, "DR1752034")
        assert writer.redeliver(first, LAWLEY) == 3
        assert writer.redeliver(first, LAWLEY) == 4
        assert rows(path, "SELECT rowid, id FROM messages ORDER BY 1") == [(2, last), (4, first)]
        with pytest.raises(KeyError):
            writer.redeliver("NOSUCH", LAWLEY)


def test_vacuum_renumbers_the_rows(path: Path) -> None:
    with BridgeWriter(path) as writer:
        first = writer.post(LAWLEY, "one")
        writer.post(LAWLEY, "two")
        writer.redeliver(first, LAWLEY)
        writer.vacuum(renumber=False)
        held = rows(path, "SELECT content FROM messages ORDER BY rowid")
        writer.vacuum()
    assert held == [("two",), ("one",)]
    assert rows(path, "SELECT rowid, content FROM messages ORDER BY 1") == [(1, "two"), (2, "one")]


def test_the_newest_rows_can_be_deleted(path: Path) -> None:
    with BridgeWriter(path) as writer:
        ids = [writer.post(LAWLEY, str(number)) for number in range(4)]
        assert writer.delete_newest(2) == [ids[3], ids[2]]
        assert writer.post(LAWLEY, "again")
        assert len(writer.delete_newest(9)) == 3
        assert writer.delete_newest(1) == []


@pytest.mark.parametrize("wal", [False, True])
def test_a_replaced_file_is_new_and_empty(path: Path, wal: bool) -> None:
    with BridgeWriter(path, wal=wal) as writer:
        writer.post(LAWLEY, "DR1752028")
        with path.open("rb") as old:
            writer.replace_file()
            with path.open("rb") as new:
                assert not Path(f"/proc/self/fd/{new.fileno()}").samefile(
                    f"/proc/self/fd/{old.fileno()}"
                )
        assert rows(path, "SELECT * FROM messages") == []
        writer.post(LAWLEY, "DR1752034")
        assert rows(path, "SELECT rowid FROM messages") == [(1,)]


def test_an_existing_file_is_kept(path: Path) -> None:
    with BridgeWriter(path, wal=True) as writer:
        writer.post(LAWLEY, "one")
    with BridgeWriter(path) as writer:
        writer.post(LAWLEY, "two")
        assert rows(path, "SELECT count(*) FROM messages") == [(2,)]
        assert rows(path, "PRAGMA journal_mode") == [("wal",)]


def test_linked_devices_are_mapped_beside_the_file(path: Path) -> None:
    with BridgeWriter(path) as writer:
        writer.map_lid("10000000000001", "27000000001")
    assert rows(path.with_name("whatsapp.db"), "SELECT lid, pn FROM whatsmeow_lid_map") == [
        ("10000000000001", "27000000001")
    ]


@pytest.mark.parametrize(
    ("zone", "moment", "written"),
    [
        (UTC, datetime(2025, 11, 10, 4, 47, 3, tzinfo=UTC), "2025-11-10 04:47:03+00:00"),
        (
            timezone(timedelta(hours=2)),
            datetime(2025, 11, 10, 4, 47, 3, 120000, tzinfo=UTC),
            "2025-11-10 06:47:03.12+02:00",
        ),
        (
            timezone(-timedelta(hours=5, minutes=30)),
            datetime(2025, 11, 10, 4, 47, 3, 1, tzinfo=UTC),
            "2025-11-09 23:17:03.000001-05:30",
        ),
    ],
)
def test_times_are_in_the_go_drivers_form(zone: timezone, moment: datetime, written: str) -> None:
    assert go_time(moment, zone) == written


def test_message_ids_have_whatsapps_shapes() -> None:
    ids = {new_message_id() for _ in range(200)}
    assert {len(one) for one in ids} == {20, 22, 32}
    assert all(re.fullmatch("[0-9A-F]+", one) for one in ids)


def test_the_lone_file_posts_and_prints_drops_elsewhere(tmp_path: Path, path: Path) -> None:
    lone = copy(bridge_writer.__file__, tmp_path / "lone.py")
    groups = [part for jid in KNOWN_GROUPS.values() for part in ("--group", jid)]
    started = time.time()
    command = [sys.executable, "-I", str(lone), str(path), *groups]
    done = subprocess.run(
        [*command, "--count", "40", "--share", "0.5", "--offset", "2", "--no-fsync", "--stamp"],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    lines = [line.split(" ") for line in done.stdout.splitlines()]
    stamps = [float(line.pop()) for line in lines]
    assert started <= stamps[0]
    assert stamps == sorted(stamps)
    printed = [tuple(line) for line in lines]
    held = rows(
        path,
        "SELECT substr(content, 1, instr(content, ' ') - 1), chat_jid, id FROM messages"
        " WHERE content GLOB 'DR[0-9]*' ORDER BY rowid",
    )
    assert printed == held
    assert 0 < len(held) < 40
    assert rows(path, "SELECT count(*) FROM messages WHERE timestamp LIKE '%+02:00'") == [(40,)]
