"""Reads the bridge's messages.db: never writes to it, never makes the bridge wait."""

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from monitor.bridge.connection import BridgeConnection, decode, scalar
from monitor.bridge.message import Message
from monitor.bridge.position import TAIL_LENGTH, Mark, Position, still_settled
from monitor.bridge.senders import FILE_NAME, SenderBook
from monitor.bridge.timestamps import parse_timestamp

CHUNK_SECONDS = 0.003
"""How long one read transaction is meant to last: a rollback-journal writer waits for it."""

CHUNK_ROWS = (256, 16_384)
FETCH_ROWS = 64
CHUNK_CHARACTERS = 1 << 20

MARKS = (
    "SELECT rowid, coalesce(CAST(id AS TEXT), ''), coalesce(CAST(chat_jid AS TEXT), '')"
    " FROM messages"
)
"""The rows' Marks; what picks them follows."""


class Cursor(NamedTuple):
    """A group's last settled message; `posted_at` is None if its time cannot be read."""

    message_id: str
    rowid: int
    posted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one read transaction yielded.

    `messages` may hold drops and are in order of arrival; `cursors` is the last message of
    each group, drop or not; `position` is the end of the chunk; `resumed_from` is the rowid
    the file was still settled up to, lower than asked for when rows have changed; `last_rowid`
    is the newest row of the file.
    """

    messages: list[Message]
    cursors: dict[str, Cursor]
    position: Position
    resumed_from: int
    last_rowid: int
    generation: int

    @property
    def more(self) -> bool:
        """Tell whether rows are left after this chunk."""
        return self.position.rowid < self.last_rowid


class BridgeReader:
    """A read-only view of one bridge file.

    `prefilters` maps each group's JID to a LIKE pattern that every message of interest
    matches, or None where every message is to be yielded. Every method raises
    BridgeUnavailable when the file cannot be read now.
    """

    def __init__(self, path: Path, prefilters: Mapping[str, str | None]) -> None:
        self._prefilters = dict(prefilters)
        self._condition, self._patterns = _condition(self._prefilters)
        self._file = BridgeConnection(path)
        self._senders = SenderBook(path.with_name(FILE_NAME))
        self._rows = 4 * CHUNK_ROWS[0]
        self._reached: tuple[Position, int, int] | None = None
        """The last position with the file's generation and version, in which it stands."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The file this reader was made for."""
        return self._file.path

    @property
    def groups(self) -> frozenset[str]:
        """The groups whose messages are yielded."""
        return frozenset(self._prefilters)

    @property
    def generation(self) -> int:
        """Goes up whenever another file is found at the path, or the same one opened again."""
        return self._file.generation

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        self._senders.close()
        self._file.close()

    def read(self, position: Position) -> Chunk:
        """Read on from `position`, after making sure that it still means what it did.

        Verifying and reading share one transaction: rows changed between the two could
        otherwise be taken for settled ones.
        """
        started = time.perf_counter()
        chunk = self._file.transact(partial(self._read, position))
        self._adapt(time.perf_counter() - started)
        return replace(chunk, messages=self._senders.name(chunk.messages))

    def _read(self, position: Position, connection: sqlite3.Connection) -> Chunk:
        version = scalar(connection, "PRAGMA data_version") or 0
        settled = position.rowid
        if not self._stands(position, version):
            settled = self._verify(position, connection)
        last = scalar(connection, "SELECT max(rowid) FROM messages") or 0
        messages, upper = self._messages(settled, min(settled + self._rows, last), connection)
        end = max(settled, upper)
        cursors = self._cursors(settled, end, connection)
        reached = Position(str(self.path), end, _tail(connection, end), self.groups)
        self._reached = (reached, self.generation, version)
        return Chunk(messages, cursors, reached, settled, last, self.generation)

    def _stands(self, position: Position, version: int) -> bool:
        """Tell whether nobody has written since this very position was made of what stood there."""
        if self._reached is None:
            return False
        reached, *as_of = self._reached
        return position is reached and as_of == [self.generation, version]

    def verified(self, position: Position) -> Position:
        """Return how much of `position` still stands in the file as it is now."""
        settled = self._file.transact(partial(self._verify, position))
        tail = tuple(mark for mark in position.tail if mark.rowid <= settled)
        return Position(str(self.path), settled, tail, position.groups)

    def since(self, after: int, upto: int) -> tuple[list[Message], int]:
        """Yield messages after rowid `after` with no regard to any cursor; see `read`.

        Returns them and the rowid reached, `upto` at most.
        """
        started = time.perf_counter()
        messages, reached = self._file.transact(
            partial(self._messages, after, min(after + self._rows, upto))
        )
        self._adapt(time.perf_counter() - started)
        return self._senders.name(messages), reached

    def last_rowid(self) -> int:
        """Return the newest row's rowid, 0 for an empty file."""
        return self._file.transact(partial(scalar, query="SELECT max(rowid) FROM messages")) or 0

    def find(self, group_jid: str, message_id: str) -> int | None:
        """Return the rowid of a group's message, None if the file does not hold it."""
        query = "SELECT rowid FROM messages WHERE id = ? AND chat_jid = ?"
        values = (message_id, group_jid)
        return self._file.transact(partial(scalar, query=query, values=values))

    def ask(self, query: str, values: Iterable[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query, which is one read transaction and had better be short."""
        bound = tuple(values)
        return self._file.transact(lambda connection: connection.execute(query, bound).fetchall())

    def _verify(self, position: Position, connection: sqlite3.Connection) -> int:
        if position.bridge != str(self.path) or not position.tail:
            return 0
        found = connection.execute(
            f"{MARKS} WHERE rowid BETWEEN ? AND ? ORDER BY rowid LIMIT ?",
            (position.tail[0].rowid, position.rowid, TAIL_LENGTH + 1),
        )
        return still_settled(position.tail, [*map(Mark._make, found)], position.rowid)

    def _messages(
        self, after: int, upto: int, connection: sqlite3.Connection
    ) -> tuple[list[Message], int]:
        columns = self._file.columns
        sender = "sender" if "sender" in columns else "''"
        texts = ", ".join(
            f"coalesce(CAST({name} AS TEXT), '')"
            for name in ("id", "chat_jid", sender, "content", "timestamp")
        )
        own = " AND is_from_me IS NOT 1" if "is_from_me" in columns else ""
        cursor = connection.execute(
            f"SELECT rowid, {texts}, '' FROM messages"  # noqa: S608 -- columns named here, values bound
            f" WHERE rowid > ? AND rowid <= ?{own} AND ({self._condition}) ORDER BY rowid",
            (after, upto, *self._patterns),
        )
        messages: list[Message] = []
        size = 0
        while rows := cursor.fetchmany(FETCH_ROWS):
            messages += map(Message._make, rows)
            size += sum(len(row[4]) for row in rows)
            if size > CHUNK_CHARACTERS:
                return messages, messages[-1].rowid
        return messages, upto

    def _cursors(self, after: int, upto: int, connection: sqlite3.Connection) -> dict[str, Cursor]:
        """Walk back from the end, one group fewer to look for at each find."""
        cursors: dict[str, Cursor] = {}
        wanted = set(self._prefilters)
        before = upto + 1
        while wanted:
            row = connection.execute(
                "SELECT rowid, id, chat_jid, timestamp FROM messages WHERE rowid > ? AND rowid < ?"
                " AND chat_jid IN (SELECT value FROM json_each(?)) ORDER BY rowid DESC LIMIT 1",
                (after, before, json.dumps(sorted(wanted))),
            ).fetchone()
            if row is None:
                break
            before, message_id, group, timestamp = row
            cursors[group] = Cursor(_text(message_id), before, _time(timestamp))
            wanted.discard(group)
        return cursors

    def _adapt(self, elapsed: float) -> None:
        fewest, most = CHUNK_ROWS
        factor = min(2.0, max(0.25, CHUNK_SECONDS / max(elapsed, 1e-6)))
        self._rows = min(most, max(fewest, int(self._rows * factor)))


def _condition(prefilters: Mapping[str, str | None]) -> tuple[str, list[str]]:
    """Return what lets messages of interest through, as SQL with its values.

    Patterns come before groups: most messages of a watched group match none.
    """
    by_pattern: dict[str | None, list[str]] = {}
    for group, pattern in prefilters.items():
        by_pattern.setdefault(pattern, []).append(group)
    terms: list[str] = []
    values: list[str] = []
    for pattern, groups in by_pattern.items():
        term = f"chat_jid IN ({', '.join('?' * len(groups))})"
        if pattern is not None:
            # LIKE passes over what is no text, and over all that comes after a NUL.
            term = f"((CAST(content AS TEXT) LIKE ? OR instr(content, char(0))) AND {term})"
            values.append(pattern)
        values += groups
        terms.append(term)
    return " OR ".join(terms) or "0", values


def _tail(connection: sqlite3.Connection, upto: int) -> tuple[Mark, ...]:
    rows = connection.execute(
        f"{MARKS} WHERE rowid <= ? ORDER BY rowid DESC LIMIT ?",
        (upto, TAIL_LENGTH),
    ).fetchall()
    return tuple(map(Mark._make, reversed(rows)))


def _text(value: object) -> str:
    if value is None:
        return ""
    return decode(value) if isinstance(value, bytes) else str(value)


def _time(value: object) -> datetime | None:
    try:
        return parse_timestamp(_text(value))
    except ValueError:
        return None
