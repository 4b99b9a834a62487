"""Writes a bridge's messages.db with the schema and statements of the Go bridge.

Standard library only, so that this one file can be copied to another machine and run there:

    python3 bridge_writer.py messages.db --group 120363418298130331@g.us --rate 50 --count 1000

posts random messages and prints each drop once it is committed.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import secrets
import signal
import sqlite3
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

SCHEMA = """
CREATE TABLE IF NOT EXISTS chats (
    jid TEXT PRIMARY KEY,
    name TEXT,
    last_message_time TIMESTAMP
);
CREATE TABLE IF NOT EXISTS messages (
    id TEXT,
    chat_jid TEXT,
    sender TEXT,
    content TEXT,
    timestamp TIMESTAMP,
    is_from_me BOOLEAN,
    media_type TEXT,
    filename TEXT,
    url TEXT,
    media_key BLOB,
    file_sha256 BLOB,
    file_enc_sha256 BLOB,
    file_length INTEGER,
    PRIMARY KEY (id, chat_jid),
    FOREIGN KEY (chat_jid) REFERENCES chats(jid)
);
"""
PUT_CHAT = "INSERT OR REPLACE INTO chats (jid, name, last_message_time) VALUES (?, ?, ?)"
PUT_MESSAGE = """
INSERT OR REPLACE INTO messages
(id, chat_jid, sender, content, timestamp, is_from_me, media_type, filename, url,
 media_key, file_sha256, file_enc_sha256, file_length)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
REDELIVER = """
INSERT OR REPLACE INTO messages SELECT * FROM messages WHERE id = ? AND chat_jid = ?
"""
RENUMBER = """
BEGIN;
CREATE TEMP TABLE kept AS SELECT * FROM messages ORDER BY rowid;
DELETE FROM messages;
INSERT INTO messages SELECT * FROM kept ORDER BY rowid;
DROP TABLE kept;
COMMIT;
"""
LID_SCHEMA = """
CREATE TABLE IF NOT EXISTS whatsmeow_lid_map (lid TEXT PRIMARY KEY, pn TEXT UNIQUE NOT NULL)
"""


def new_message_id() -> str:
    """Return a random id in one of WhatsApp's shapes: 32 hexadecimal digits, or 3EB0 and more."""
    if secrets.randbelow(2):
        return secrets.token_hex(16).upper()
    return "3EB0" + secrets.token_hex(8 + secrets.randbelow(2)).upper()


def go_time(moment: datetime, zone: timezone = UTC) -> str:
    """Return `moment` as Go's sqlite3 driver writes it on a host in `zone`.

    Trailing zeros of the fraction are left out, and the whole fraction when it is zero.
    """
    local = moment.astimezone(zone)
    fraction = f".{local.microsecond:06d}".rstrip("0") if local.microsecond else ""
    return f"{local:%Y-%m-%d %H:%M:%S}{fraction}{local.isoformat()[-6:]}"


class BridgeWriter:
    """A bridge's message store, open for writing as the Go bridge opens it.

    `path` is the database file, made with its folder if missing, kept if there. `wal` switches
    it to a write-ahead log; otherwise the file keeps its mode (a new one: rollback journal).
    `zone` is the time zone of the bridge's host. `fsync` False never waits for the disk, for
    tests in which only processes are killed. SQLite's errors are raised as they come.
    """

    def __init__(
        self,
        path: Path,
        *,
        wal: bool = False,
        zone: timezone = UTC,
        fsync: bool = True,
    ) -> None:
        self.path = Path(path)
        self.zone = zone
        self._wal = wal
        self._fsync = fsync
        self._connection = self._open()

    def __enter__(self) -> BridgeWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def post(
        self,
        group_jid: str,
        content: str | None,
        *,
        message_id: str | None = None,
        sender: str = "27000000001",
        timestamp: datetime | str | None = None,
        is_from_me: bool = False,
        media_type: str = "",
        commit: bool = True,
    ) -> str:
        """Write one message as the bridge does and return its id.

        `timestamp` text is written as it is, a datetime in the driver's form, None means now, in
        whole seconds as WhatsApp gives them. A `media_type` of "image" with empty `content` is a
        photo without a caption. With `commit` False the message waits in an open transaction,
        which `commit()` or the next committing post ends; without one, the chat and the message
        are two transactions, as in the bridge.
        """
        if message_id is None:
            message_id = new_message_id()
        if timestamp is None:
            timestamp = datetime.now(UTC).replace(microsecond=0)
        written = timestamp if isinstance(timestamp, str) else go_time(timestamp, self.zone)
        has_media = bool(media_type)
        name = f"{media_type}_{message_id[:8]}" if has_media else ""
        blob = message_id.encode() if has_media else None
        if not commit:
            self.begin()
        self._connection.execute(PUT_CHAT, (group_jid, f"Group {group_jid[:18]}", written))
        self._connection.execute(
            PUT_MESSAGE,
            (
                *(message_id, group_jid, sender, content, written, is_from_me),
                *(media_type, name, f"https://mmg.invalid/{name}" if has_media else ""),
                *(blob, blob, blob, 100_000 if has_media else 0),
            ),
        )
        if commit:
            self.commit()
        return message_id

    def begin(self) -> None:
        """Open a transaction unless one is open."""
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN")

    def commit(self) -> None:
        """Commit what `begin` or posts with commit=False left open, if anything."""
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")

    def redeliver(self, message_id: str, group_jid: str) -> int:
        """Write a message again, unchanged, as a redelivery does; return its new rowid.

        Raises KeyError if the file has no such message.
        """
        done = self._connection.execute(REDELIVER, (message_id, group_jid))
        if done.rowcount < 1 or done.lastrowid is None:
            raise KeyError((message_id, group_jid))
        return done.lastrowid

    def delete_newest(self, count: int) -> list[str]:
        """Delete the `count` rows with the highest rowids; return their message ids."""
        rows = self._connection.execute(
            "SELECT rowid, id FROM messages ORDER BY rowid DESC LIMIT ?", (count,)
        ).fetchall()
        if rows:
            self._connection.execute("DELETE FROM messages WHERE rowid >= ?", (rows[-1][0],))
        return [message_id for _, message_id in rows]

    def vacuum(self, *, renumber: bool = True) -> None:
        """Rebuild the file, and with `renumber` give the rows new rowids, without gaps.

        VACUUM itself may renumber and most versions of SQLite do not, so it is done by hand.
        """
        if renumber:
            self._connection.executescript(RENUMBER)
        self._connection.execute("VACUUM")

    def replace_file(self) -> None:
        """Start an empty file at the same path, as a newly paired bridge does."""
        self.close()
        for suffix in ("", "-journal", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        self._connection = self._open()

    def map_lid(self, lid: str, phone: str) -> None:
        """Record in whatsapp.db, beside the file, which phone number a linked-device id is."""
        with contextlib.closing(sqlite3.connect(self.path.with_name("whatsapp.db"))) as devices:
            devices.execute(LID_SCHEMA)
            devices.execute("INSERT OR REPLACE INTO whatsmeow_lid_map VALUES (?, ?)", (lid, phone))
            devices.commit()

    def close(self) -> None:
        """Close the file; an open transaction is rolled back."""
        self._connection.close()

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("PRAGMA foreign_keys = ON")
        if not self._fsync:
            connection.execute("PRAGMA synchronous = OFF")
        if self._wal:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(SCHEMA)
        return connection


CHATTER = (
    "Morning team",
    "Where is the ladder?",
    "Dr Naidoo's house is done",
    "Photos to follow",
    "Gate locked, client not home 🔒",
    "Drop cable is short, bring another",
    "شكرا",
    "👍",
)


class Posted(NamedTuple):
    """A drop that the bridge file now holds."""

    drop_number: str
    group_jid: str
    message_id: str


def post_random(writer: BridgeWriter, group_jid: str, dice: random.Random, share: float) -> Posted:
    """Post one message: with probability `share` a drop, else chatter (drop_number is then "")."""
    drop_number = f"DR{dice.randrange(10**6, 10**8)}" if dice.random() < share else ""
    text = f"{drop_number} {dice.choice(CHATTER)}".strip()
    sender = f"27000000{dice.randrange(1000):03d}"
    return Posted(drop_number, group_jid, writer.post(group_jid, text, sender=sender))


def main(arguments: list[str]) -> int:
    """Post random messages at a rate; print `drop group message-id` for each committed drop."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("file", type=Path, help="the bridge's messages.db, made if missing")
    parser.add_argument("--group", action="append", required=True, metavar="JID")
    parser.add_argument("--count", type=int, default=0, help="messages; 0 means until stopped")
    parser.add_argument("--rate", type=float, default=0, help="a second; 0 means full speed")
    parser.add_argument("--share", type=float, default=1.0, help="of drops among messages, 0 to 1")
    parser.add_argument("--wal", action="store_true", help="write-ahead log, not rollback journal")
    parser.add_argument("--no-fsync", action="store_true", help="never wait for the disk")
    parser.add_argument("--offset", type=float, default=0, help="hours from UTC of the host")
    parser.add_argument("--stamp", action="store_true", help="print the Unix time of each commit")
    parser.add_argument("--seed", type=int, help="the same seed posts the same texts")
    options = parser.parse_args(arguments)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    dice = random.Random(options.seed)  # noqa: S311 - test data, not secrets
    zone = timezone(timedelta(hours=options.offset))
    with BridgeWriter(
        options.file, wal=options.wal, zone=zone, fsync=not options.no_fsync
    ) as writer:
        start = time.monotonic()
        number = 0
        while not options.count or number < options.count:
            if options.rate:
                time.sleep(max(0.0, start + number / options.rate - time.monotonic()))
            posted = post_random(writer, dice.choice(options.group), dice, options.share)
            if posted.drop_number:
                stamp = (f"{time.time():.6f}",) if options.stamp else ()
                sys.stdout.write(" ".join((*posted, *stamp)) + "\n")
                sys.stdout.flush()
            number += 1
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))
