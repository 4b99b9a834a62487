"""Reads the bridge's messages.db: never writes to it, never makes the bridge wait."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import quote

from monitor.bridge.faults import BridgeUnavailable, explain
from monitor.bridge.message import Message
from monitor.bridge.position import TAIL_LENGTH, Mark, Position, still_settled
from monitor.bridge.senders import FILE_NAME, SenderBook
from monitor.bridge.timestamps import parse_timestamp

CHUNK_SECONDS = 0.003
"""How long one read transaction is meant to last: a rollback-journal writer waits for it."""

CHUNK_ROWS = (256, 16_384)
FETCH_ROWS = 64
CHUNK_CHARACTERS = 1 << 20
CACHE_KIB = 256
"""What is read in one go is seldom read again, and several readers may be open at a time."""

BUSY_SECONDS = 0.5
"""How long a locked file is tried for before that is reported."""

MARK = "rowid, coalesce(CAST(id AS TEXT), ''), coalesce(CAST(chat_jid AS TEXT), '')"
NEEDED_COLUMNS = ("id", "chat_jid", "content", "timestamp")

T = TypeVar("T")


class _NotUtf8(Exception):
    """A text of the file is not UTF-8: a Go program may store any bytes."""


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
        self._path = path
        self._prefilters = dict(prefilters)
        self._senders = SenderBook(path.with_name(FILE_NAME))
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._columns: frozenset[str] = frozenset()
        self._rows = 4 * CHUNK_ROWS[0]
        self._reached: Position | None = None
        self._version: tuple[int] | None = None
        self._text_factory: Callable[[bytes], str] = str
        self.generation = 0
        """Goes up whenever another file is found at the path, or the same one opened again."""

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
        return self._path

    @property
    def groups(self) -> frozenset[str]:
        """The groups whose messages are yielded."""
        return frozenset(self._prefilters)

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        self._senders.close()
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._identity = None
        self._reached = None

    def read(self, position: Position) -> Chunk:
        """Read on from `position`, after making sure that it still means what it did.

        Verifying and reading share one transaction: rows changed between the two could
        otherwise be taken for settled ones.
        """
        return self._whatever_the_bytes(lambda: self._read(position))

    def _read(self, position: Position) -> Chunk:
        started = time.perf_counter()
        with self._transaction() as connection:
            version = connection.execute("PRAGMA data_version").fetchone()
            # Nobody has written since this position was made of what stood there.
            same = position is self._reached and version == self._version
            settled = position.rowid if same else self._verify(connection, position)
            last = _scalar(connection, "SELECT max(rowid) FROM messages") or 0
            upper = min(settled + self._rows, last)
            messages, upper = self._messages(connection, settled, upper)
            end = max(settled, upper)
            cursors = self._cursors(connection, settled, end)
            tail = _tail(connection, end)
        self._adapt(time.perf_counter() - started)
        messages = self._senders.name(messages)
        reached = Position(str(self._path), end, tail, self.groups)
        self._reached, self._version = reached, version
        return Chunk(messages, cursors, reached, settled, last, self.generation)

    def verified(self, position: Position) -> Position:
        """Return how much of `position` still stands in the file as it is now."""
        settled = self._whatever_the_bytes(lambda: self._verified(position))
        tail = tuple(mark for mark in position.tail if mark.rowid <= settled)
        return Position(str(self._path), settled, tail, position.groups)

    def _verified(self, position: Position) -> int:
        with self._transaction() as connection:
            return self._verify(connection, position)

    def since(self, after: int, upto: int) -> tuple[list[Message], int]:
        """Yield messages after rowid `after` with no regard to any cursor; see `read`.

        Returns them and the rowid reached, `upto` at most.
        """
        return self._whatever_the_bytes(lambda: self._since(after, upto))

    def _since(self, after: int, upto: int) -> tuple[list[Message], int]:
        started = time.perf_counter()
        with self._transaction() as connection:
            messages, reached = self._messages(connection, after, min(after + self._rows, upto))
        self._adapt(time.perf_counter() - started)
        return self._senders.name(messages), reached

    def last_rowid(self) -> int:
        """Return the newest row's rowid, 0 for an empty file."""
        with self._transaction() as connection:
            return _scalar(connection, "SELECT max(rowid) FROM messages") or 0

    def find(self, group_jid: str, message_id: str) -> int | None:
        """Return the rowid of a group's message, None if the file does not hold it."""
        with self._transaction() as connection:
            return _scalar(
                connection,
                "SELECT rowid FROM messages WHERE id = ? AND chat_jid = ?",
                (message_id, group_jid),
            )

    def ask(self, query: str, values: Iterable[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query, which is one read transaction and had better be short."""
        return self._whatever_the_bytes(lambda: self._ask(query, tuple(values)))

    def _ask(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._transaction() as connection:
            return connection.execute(query, values).fetchall()

    def _verify(self, connection: sqlite3.Connection, position: Position) -> int:
        if position.bridge != str(self._path) or not position.tail:
            return 0
        found = connection.execute(
            f"SELECT {MARK} FROM messages"  # noqa: S608 -- fixed words only
            " WHERE rowid BETWEEN ? AND ? ORDER BY rowid LIMIT ?",
            (position.tail[0].rowid, position.rowid, TAIL_LENGTH + 1),
        )
        return still_settled(position.tail, [*map(Mark._make, found)], position.rowid)

    def _messages(
        self, connection: sqlite3.Connection, after: int, upto: int
    ) -> tuple[list[Message], int]:
        condition, values = self._condition()
        sender = "sender" if "sender" in self._columns else "''"
        texts = ", ".join(
            f"coalesce(CAST({name} AS TEXT), '')"
            for name in ("id", "chat_jid", sender, "content", "timestamp")
        )
        own = " AND is_from_me IS NOT 1" if "is_from_me" in self._columns else ""
        cursor = connection.execute(
            f"SELECT rowid, {texts}, '' FROM messages"  # noqa: S608 -- fixed words only
            f" WHERE rowid > ? AND rowid <= ?{own} AND ({condition}) ORDER BY rowid",
            (after, upto, *values),
        )
        messages: list[Message] = []
        size = 0
        while rows := cursor.fetchmany(FETCH_ROWS):
            messages += map(Message._make, rows)
            size += sum(len(row[4]) for row in rows)
            if size > CHUNK_CHARACTERS:
                return messages, messages[-1].rowid
        return messages, upto

    def _condition(self) -> tuple[str, list[str]]:
        by_pattern: dict[str | None, list[str]] = {}
        for group, pattern in self._prefilters.items():
            by_pattern.setdefault(pattern, []).append(group)
        terms: list[str] = []
        values: list[str] = []
        for pattern, groups in by_pattern.items():
            term = f"chat_jid IN ({', '.join('?' * len(groups))})"
            values += groups
            if pattern is not None:
                # LIKE passes over what is no text, and over all that comes after a NUL.
                term = f"({term} AND (CAST(content AS TEXT) LIKE ? OR instr(content, char(0))))"
                values.append(pattern)
            terms.append(term)
        return " OR ".join(terms) or "0", values

    def _cursors(self, connection: sqlite3.Connection, after: int, upto: int) -> dict[str, Cursor]:
        """Walk back from the end, one group fewer to look for at each find."""
        cursors: dict[str, Cursor] = {}
        wanted = set(self._prefilters)
        before = upto + 1
        while wanted:
            row = connection.execute(
                "SELECT rowid, id, chat_jid, timestamp FROM messages"  # noqa: S608 -- placeholders
                f" WHERE rowid > ? AND rowid < ? AND chat_jid IN ({', '.join('?' * len(wanted))})"
                " ORDER BY rowid DESC LIMIT 1",
                (after, before, *wanted),
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

    def _whatever_the_bytes(self, work: Callable[[], T]) -> T:
        """Do `work`; where a text is not UTF-8, again with a slower decoder that takes it."""
        try:
            return work()
        except _NotUtf8:
            self._text_factory = _decode
            return work()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Open a read transaction, waiting out a writer that holds the file.

        Not by SQLite's own busy handler alone: its waits grow to a tenth of a second, and a
        writer at full speed would keep slipping in between them.
        """
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                connection = self._open()
                connection.execute("BEGIN")
                connection.execute("SELECT rowid FROM messages LIMIT 1").fetchone()
                break
            except sqlite3.Error as error:
                busy = _is_busy(error)
                if not busy or time.monotonic() > deadline:
                    self.close()
                    raise explain(error, self._path) from error
                if self._connection is not None and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                time.sleep(0.0005)
        try:
            yield connection
        except sqlite3.Error as error:
            self.close()
            if "decode" in str(error) and getattr(error, "sqlite_errorcode", None) is None:
                raise _NotUtf8 from error
            raise explain(error, self._path) from error
        finally:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        try:
            stat = self._path.stat()
        except OSError:
            stat = None
        identity = (stat.st_dev, stat.st_ino) if stat else None
        if self._connection is not None and identity == self._identity:
            return self._connection
        self.close()
        connection = sqlite3.connect(
            f"file:{quote(str(self._path))}?mode=ro",
            uri=True,
            timeout=0.002,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            connection.text_factory = self._text_factory
            self._columns = frozenset(
                row[1] for row in connection.execute("PRAGMA table_info(messages)")
            )
            self._require_columns()
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._identity = identity
        self.generation += 1
        return connection

    def _require_columns(self) -> None:
        if not self._columns:
            raise BridgeUnavailable(
                "unfit", f"{self._path} has no table messages yet; is it the bridge's file?"
            )
        missing = [name for name in NEEDED_COLUMNS if name not in self._columns]
        if missing:
            raise BridgeUnavailable(
                "unfit",
                f"{self._path}: its table messages has no column {', '.join(missing)};"
                " this bridge writes another format",
            )


def _is_busy(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None) or 0
    # SQLITE_BUSY_RECOVERY and _SNAPSHOT pass like a plain SQLITE_BUSY does.
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _scalar(
    connection: sqlite3.Connection, query: str, values: Iterable[object] = ()
) -> int | None:
    row = connection.execute(query, tuple(values)).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def _tail(connection: sqlite3.Connection, upto: int) -> tuple[Mark, ...]:
    rows = connection.execute(
        f"SELECT {MARK} FROM messages"  # noqa: S608 -- fixed words only
        " WHERE rowid <= ? ORDER BY rowid DESC LIMIT ?",
        (upto, TAIL_LENGTH),
    ).fetchall()
    return tuple(map(Mark._make, reversed(rows)))


def _decode(raw: bytes) -> str:
    # A Go program may store bytes that are not UTF-8; one such message must not stop the rest.
    return raw.decode("utf-8", "replace")


def _text(value: object) -> str:
    if value is None:
        return ""
    return _decode(value) if isinstance(value, bytes) else str(value)


def _time(value: object) -> datetime | None:
    try:
        return parse_timestamp(_text(value))
    except ValueError:
        return None
