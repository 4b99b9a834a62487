"""The embedded store: one SQLite file, for those who have no PostgreSQL."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

from monitor.bridge.message import Message
from monitor.bridge.position import Mark, Position
from monitor.bridge.reader import Cursor
from monitor.drops.decide import Decision, decide
from monitor.drops.submissions import Submission
from monitor.drops.validity import NO_LISTS, to_be_checked
from monitor.ownership import hand_over
from monitor.store.continuity import Continuity
from monitor.store.counting import COUNTS
from monitor.store.delivery import settle
from monitor.store.faults import BatchRefused, StoreUnavailable, StoreUnfit
from monitor.store.lists import DropLists, Senders
from monitor.store.migrations import migrations
from monitor.store.outbox import Outbox
from monitor.store.records import (
    Batch,
    Counts,
    Day,
    DayMessages,
    DropRow,
    Instance,
    Presumption,
    Progress,
    Settled,
    StoredDeadLetter,
)
from monitor.store.sqlite_lists import SqliteLists, SqliteSenders
from monitor.store.sqlite_outbox import SqliteOutbox
from monitor.store.sqlite_times import moment, optional_moment, stamp
from monitor.store.sqlite_transaction import SqliteTransaction

BUSY_SECONDS = 2.0

# Times begin with their day: as text, a time of a day is greater than that day.
DAYS = """
SELECT day, group_jid, sum(messages), sum(drops), sum(again)
FROM (SELECT day, group_jid, messages, 0 AS drops, 0 AS again
      FROM wa_monitor_days WHERE day >= :day
      UNION ALL
      SELECT substr(posted_at, 1, 10), group_jid, 0, sum(outcome = 'new'),
             sum(outcome = 'resubmission')
      FROM wa_monitor_ledger WHERE posted_at >= :day GROUP BY 1, 2)
GROUP BY day, group_jid ORDER BY day, group_jid
"""


class SqliteStore:
    """A store in one file; see `monitor.store.protocol.Store`.

    Every commit is synced to the disk before it counts: a power loss takes nothing back.
    """

    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._continuity = Continuity()
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self.lists: DropLists = SqliteLists(self._transaction)
        self.senders: Senders = SqliteSenders(self._transaction)
        self.outbox: Outbox = SqliteOutbox(self._transaction)
        self._identity: tuple[int, int] | None = None

    def migrate(self) -> list[str]:
        """See the protocol."""
        with self._transaction() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS wa_monitor_migrations (version integer PRIMARY KEY,"
                " name text NOT NULL, applied_at text NOT NULL"
                " DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')))"
            )
            applied = {
                row[0] for row in connection.execute("SELECT version FROM wa_monitor_migrations")
            }
            done = []
            for step in migrations(self.kind):
                if step.version not in applied:
                    for statement in step.sql.split(";\n"):
                        connection.execute(statement)
                    connection.execute(
                        "INSERT INTO wa_monitor_migrations (version, name) VALUES (?, ?)",
                        (step.version, step.name),
                    )
                    done.append(step.name)
            return done

    def faults(self) -> list[str]:
        """See the protocol."""
        if not self._path.exists():
            return []
        with self._transaction() as connection:
            verdict = connection.execute("PRAGMA quick_check").fetchone()[0]
        return [] if verdict == "ok" else [f"{self._path} is damaged: {verdict}"]

    def progress(self, instance: str) -> Progress:
        """See the protocol."""
        with self._transaction() as connection:
            row = connection.execute(
                "SELECT bridge, row_id, tail, groups FROM wa_monitor_positions WHERE instance = ?",
                (instance,),
            ).fetchone()
            position = None
            if row is not None:
                tail = tuple(Mark(*mark) for mark in json.loads(row[2]))
                position = Position(row[0], row[1], tail, frozenset(json.loads(row[3])))
            rows = connection.execute(
                "SELECT group_jid, message_id, row_id, posted_at FROM wa_monitor_cursors"
                " WHERE instance = ?",
                (instance,),
            ).fetchall()
        cursors = {
            group: Cursor(message_id, rowid, optional_moment(posted))
            for group, message_id, rowid, posted in rows
        }
        self._continuity.saw(instance, position)
        return Progress(position, cursors)

    def adopted(self) -> bool:
        """See the protocol."""
        with self._transaction() as connection:
            row = connection.execute("SELECT EXISTS (SELECT 1 FROM wa_monitor_adopted_rows)")
            return bool(row.fetchone()[0])

    def presume(self, instance: str, submissions: Sequence[Submission]) -> Presumption | None:
        """See the protocol. Here the asking is the quickest part."""
        return None

    def deliver(self, instance: str, batch: Batch) -> Settled:
        """See the protocol. SQLite lets one writer in at a time; that is all it takes."""
        with self._transaction() as connection:
            settled = settle(SqliteTransaction(connection, self._continuity), instance, batch)
        if batch.position is not None:
            self._continuity.saw(instance, batch.position)
        return settled

    def compare(self, submissions: Sequence[Submission]) -> list[Decision]:
        """See the protocol."""
        with self._transaction() as connection:
            transaction = SqliteTransaction(connection, self._continuity)
            pairs = to_be_checked(submissions)
            lists = transaction.lists(pairs) if pairs else NO_LISTS
            return decide(submissions, transaction.know(submissions), lists)

    def dead_letters(self) -> list[StoredDeadLetter]:
        """See the protocol."""
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT message, error, attempts, failed_at FROM wa_monitor_dead_letters"
                " ORDER BY failed_at"
            ).fetchall()
        return [
            StoredDeadLetter(Message(**json.loads(message)), error, attempts, moment(failed_at))
            for message, error, attempts, failed_at in rows
        ]

    def counts(self) -> Mapping[str, Counts]:
        """See the protocol."""
        with self._transaction() as connection:
            rows = connection.execute(COUNTS).fetchall()
        return {group: Counts(*numbers) for group, *numbers in rows}

    def report(self, instance: Instance) -> None:
        """See the protocol."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO wa_monitor_instances VALUES (?, ?, ?, ?, ?, ?)",
                (
                    instance.name,
                    instance.release,
                    stamp(instance.started_at),
                    stamp(instance.seen_at),
                    instance.last_error,
                    stamp(instance.last_error_at) if instance.last_error_at else None,
                ),
            )

    def instances(self) -> list[Instance]:
        """See the protocol."""
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT name, release, started_at, seen_at, last_error, last_error_at"
                " FROM wa_monitor_instances ORDER BY name"
            ).fetchall()
        return [
            Instance(name, release, moment(started), moment(seen), error, optional_moment(at))
            for name, release, started, seen, error, at in rows
        ]

    def latest_drops(self, limit: int) -> list[DropRow]:
        """See the protocol."""
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT drop_number, project, user_name, whatsapp_message_date, resubmitted,"
                " comment FROM qa_photo_reviews"
                " ORDER BY whatsapp_message_date DESC, drop_number LIMIT ?",
                (limit,),
            ).fetchall()
        return [
            DropRow(drop, project, user, optional_moment(posted), bool(again), comment)
            for drop, project, user, posted, again, comment in rows
        ]

    def add_days(self, days: Sequence[DayMessages]) -> None:
        """See the protocol."""
        with self._transaction() as connection:
            connection.executemany(
                "INSERT INTO wa_monitor_days (day, group_jid, messages) VALUES (?, ?, ?)"
                " ON CONFLICT (day, group_jid)"
                " DO UPDATE SET messages = max(messages, excluded.messages)",
                [(each.day.isoformat(), each.group_jid, each.messages) for each in days],
            )

    def days(self, since: date) -> list[Day]:
        """See the protocol."""
        with self._transaction() as connection:
            rows = connection.execute(DAYS, {"day": since.isoformat()}).fetchall()
        return [Day(date.fromisoformat(day), *rest) for day, *rest in rows]

    def adopted_at(self) -> datetime | None:
        """See the protocol."""
        with self._transaction() as connection:
            row = connection.execute(
                "SELECT applied_at FROM wa_monitor_migrations WHERE version = 1"
                " AND EXISTS (SELECT 1 FROM wa_monitor_adopted_rows)"
            ).fetchone()
        return moment(row[0]) if row else None

    def close(self) -> None:
        """See the protocol."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction that may write, and commit it at the end."""
        try:
            connection = self._connect()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError) as error:
            raise self._explain(error) from error

    def _connect(self) -> sqlite3.Connection:
        if self._connection is not None and self._look() != self._identity:
            # What is written to a file that has been taken away is lost with it.
            self.close()
            raise StoreUnavailable(f"{self._path} was removed or replaced: opening it anew")
        if self._connection is None:
            connection = sqlite3.connect(
                self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                # Before there is a -wal: SQLite gives that to whoever has the file.
                hand_over(self._path)
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            self._identity = self._look()
        return self._connection

    def _look(self) -> tuple[int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_dev, stat.st_ino

    def _explain(self, error: sqlite3.Error | OSError) -> Exception:
        if isinstance(error, (sqlite3.IntegrityError, sqlite3.DataError)):
            return BatchRefused(str(error))
        self.close()
        code = getattr(error, "sqlite_errorcode", None) or 0
        if code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
            return StoreUnfit(f"{self._path}: {error}")
        return StoreUnavailable(f"{self._path}: {error}")
