"""A read-only way into one bridge file: opens it, waits out its writer, explains its faults."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from monitor.bridge.faults import BridgeUnavailable, explain

CACHE_KIB = 256
"""What is read in one go is seldom read again, and several readers may be open at a time."""

BUSY_SECONDS = 0.5
"""How long a locked file is tried for before that is reported."""

NEEDED_COLUMNS = ("id", "chat_jid", "content", "timestamp")

T = TypeVar("T")


class _NotUtf8(Exception):
    """A text of the file is not UTF-8: a Go program may store any bytes."""


class BridgeConnection:
    """A connection to the file at `path` that is opened when needed, and anew for another file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.columns: frozenset[str] = frozenset()
        """Those of the table `messages`, as of the last transaction."""
        self.generation = 0
        """Goes up whenever another file is found at the path, or the same one opened again."""
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._text_factory: Callable[[bytes], str] = str

    def close(self) -> None:
        """Let go of the file; the next transaction opens it again."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._identity = None

    def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` makes of one read transaction, which had better be short.

        Where a text is not UTF-8, it is called again with a slower decoder that takes any bytes.
        Raises BridgeUnavailable.
        """
        try:
            with self._transaction() as connection:
                return work(connection)
        except _NotUtf8:
            self._text_factory = decode
        with self._transaction() as connection:
            return work(connection)

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
                if not _is_busy(error) or time.monotonic() > deadline:
                    self.close()
                    raise explain(error, self.path) from error
                if self._connection is not None and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                time.sleep(0.0005)
        try:
            yield connection
        except sqlite3.Error as error:
            self.close()
            if "decode" in str(error) and getattr(error, "sqlite_errorcode", None) is None:
                raise _NotUtf8 from error
            raise explain(error, self.path) from error
        finally:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        try:
            stat = self.path.stat()
        except OSError:
            stat = None
        identity = (stat.st_dev, stat.st_ino) if stat else None
        if self._connection is not None and identity == self._identity:
            return self._connection
        self.close()
        connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?mode=ro",
            uri=True,
            timeout=0.002,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            connection.text_factory = self._text_factory
            self.columns = frozenset(
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
        if not self.columns:
            raise BridgeUnavailable(
                "unfit", f"{self.path} has no table messages yet; is it the bridge's file?"
            )
        missing = [name for name in NEEDED_COLUMNS if name not in self.columns]
        if missing:
            raise BridgeUnavailable(
                "unfit",
                f"{self.path}: its table messages has no column {', '.join(missing)};"
                " this bridge writes another format",
            )


def decode(raw: bytes) -> str:
    """Return text for bytes that a Go program stored as text, which need not be UTF-8."""
    return raw.decode("utf-8", "replace")


def scalar(connection: sqlite3.Connection, query: str, values: Iterable[object] = ()) -> int | None:
    """Return the first column of a query's first row as a number, None if there is none."""
    row = connection.execute(query, tuple(values)).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def _is_busy(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None) or 0
    # SQLITE_BUSY_RECOVERY and _SNAPSHOT pass like a plain SQLITE_BUSY does.
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
