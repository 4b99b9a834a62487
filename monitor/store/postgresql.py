"""The store on PostgreSQL: what the QA office works on."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from typing import Any

import psycopg2
from psycopg2 import extensions

from monitor.bridge.message import Message
from monitor.bridge.position import Mark, Position
from monitor.bridge.reader import Cursor
from monitor.drops.decide import NOTHING_KNOWN, Decision, decide
from monitor.drops.submissions import Submission
from monitor.drops.validity import NO_LISTS, to_be_checked
from monitor.settings.urls import hide_password, mask_url
from monitor.store.continuity import Continuity
from monitor.store.counting import COUNTS
from monitor.store.delivery import settle
from monitor.store.faults import BatchRefused, StoreUnavailable, StoreUnfit
from monitor.store.lists import DropLists, Senders
from monitor.store.migrations import migrations
from monitor.store.outbox import Outbox
from monitor.store.postgresql_fitness import columns_of, fitness_faults, list_faults
from monitor.store.postgresql_lists import PostgresLists, PostgresSenders
from monitor.store.postgresql_locks import lock, lock_key
from monitor.store.postgresql_outbox import PostgresOutbox
from monitor.store.postgresql_rows import copies, row_columns
from monitor.store.postgresql_transaction import BULK, PostgresTransaction, StaleDecision
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

CONNECT_SECONDS = 5
STALE_TRIES = 5

# What a server says of the data itself (22 data exception, 23 integrity, P0 raised by a
# trigger) would be said again of the same data; a lack of tables or rights (42) needs a person;
# all else passes. https://www.postgresql.org/docs/current/errcodes-appendix.html
DATA_CLASSES = ("22", "23", "P0")
FITNESS_CLASSES = ("42", "3F")

SETTINGS = (
    "SET LOCAL TIME ZONE 'UTC';"
    " SET LOCAL statement_timeout = '120s';"
    " SET LOCAL lock_timeout = '15s';"
    " SET LOCAL idle_in_transaction_session_timeout = '60s';"
)
# A batch looks up a few keys in large tables, whatever old statistics say: on tables that have
# grown from nothing since they were last analysed, the planner would read them whole, each time,
# or compile the statement first.
LOOK_UP_BY_INDEX = (
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off;"
    " SET LOCAL enable_mergejoin = off; SET LOCAL enable_material = off; SET LOCAL jit = off;"
)

ADD_DAYS = """
INSERT INTO wa_monitor_days (day, group_jid, messages)
SELECT d, g, m FROM json_to_recordset(%s) AS r (d date, g text, m integer) ORDER BY d, g
ON CONFLICT (day, group_jid) DO UPDATE SET messages = excluded.messages
WHERE wa_monitor_days.messages < excluded.messages
"""
DAYS = """
SELECT day, group_jid, sum(messages)::integer, sum(drops)::integer, sum(again)::integer
FROM (SELECT day, group_jid, messages, 0 AS drops, 0 AS again
      FROM wa_monitor_days WHERE day >= %(day)s
      UNION ALL
      SELECT posted_at::date, group_jid, 0, count(*) FILTER (WHERE outcome = 'new'),
             count(*) FILTER (WHERE outcome = 'resubmission')
      FROM wa_monitor_ledger WHERE posted_at >= %(midnight)s GROUP BY 1, 2) AS both_sources
GROUP BY day, group_jid ORDER BY day, group_jid
"""


class PostgresStore:
    """A store in one schema of a PostgreSQL database; see `monitor.store.protocol.Store`.

    The schema is the connection's own: `options=-csearch_path=NAME` in the URL chooses it.
    """

    kind = "postgresql"

    def __init__(self, url: str, application_name: str = "wa-monitor") -> None:
        self.address = mask_url(url)
        self._url = url
        self._application_name = application_name
        self._connection: extensions.connection | None = None
        self._columns: frozenset[str] | None = None
        self._lock_key = 0
        self._all_new = True
        self._continuity = Continuity()
        self.lists: DropLists = PostgresLists(self._transaction)
        self.senders: Senders = PostgresSenders(self._transaction)
        self.outbox: Outbox = PostgresOutbox(self._transaction)

    def migrate(self) -> list[str]:
        """See the protocol. Safe with several monitors at once: one migrates, others wait."""
        with self._transaction() as cursor:
            if _applied(cursor) >= {step.version for step in migrations(self.kind)}:
                return []
            lock(cursor, lock_key(cursor))
            self._require(fitness_faults(cursor))
            cursor.execute(
                "CREATE TABLE IF NOT EXISTS wa_monitor_migrations (version integer PRIMARY KEY,"
                " name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
            )
            applied = _applied(cursor)
            done = []
            for step in migrations(self.kind):
                if step.version not in applied:
                    cursor.execute(step.sql)
                    cursor.execute(
                        "INSERT INTO wa_monitor_migrations (version, name) VALUES (%s, %s)",
                        (step.version, step.name),
                    )
                    done.append(step.name)
            return done

    def faults(self) -> list[str]:
        """See the protocol."""
        with self._transaction() as cursor:
            found = [*fitness_faults(cursor), *list_faults(cursor)]
            if not found and not columns_of(cursor, "qa_photo_reviews"):
                cursor.execute("SELECT has_schema_privilege(current_schema(), 'CREATE')")
                if not _one(cursor):
                    found.append(
                        "qa_photo_reviews does not exist and this role may not create it:"
                        " GRANT CREATE ON the schema, or create the table first"
                    )
            return found

    def progress(self, instance: str) -> Progress:
        """See the protocol."""
        with self._transaction() as cursor:
            cursor.execute(
                "SELECT bridge, row_id, tail, groups FROM wa_monitor_positions WHERE instance = %s",
                (instance,),
            )
            row = cursor.fetchone()
            position = None
            if row is not None:
                tail = tuple(Mark(*mark) for mark in row[2])
                position = Position(row[0], row[1], tail, frozenset(row[3]))
            cursor.execute(
                "SELECT group_jid, message_id, row_id, posted_at FROM wa_monitor_cursors"
                " WHERE instance = %s",
                (instance,),
            )
            cursors = {group: Cursor(*rest) for group, *rest in cursor.fetchall()}
        self._continuity.saw(instance, position)
        return Progress(position, cursors)

    def adopted(self) -> bool:
        """See the protocol."""
        with self._transaction() as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM wa_monitor_adopted_rows)")
            return bool(_one(cursor))

    def presume(self, instance: str, submissions: Sequence[Submission]) -> Presumption | None:
        """See the protocol."""
        columns = self._columns
        if columns is None or not self._all_new or len(submissions) < BULK:
            return None
        if to_be_checked(submissions):
            return None
        decisions = decide(submissions, NOTHING_KNOWN)
        return Presumption(decisions, copies(instance, decisions, row_columns(columns)))

    def deliver(self, instance: str, batch: Batch) -> Settled:
        """See the protocol.

        A lock held for the transaction lets one monitor deliver at a time, so that what was
        decided still holds when it is written. Others who write rows meanwhile make the
        decision stale; it is then made again.
        """
        stale = ""
        for _ in range(STALE_TRIES):
            try:
                with self._transaction() as cursor:
                    transaction = self._delivering(cursor, len(batch.submissions) >= BULK)
                    settled = settle(transaction, instance, batch)
                self._all_new = transaction.all_new
                if batch.position is not None:
                    self._continuity.saw(instance, batch.position)
                return settled
            except StaleDecision as error:
                self._all_new = False
                stale = " ".join(str(error).split())
        # Nobody is quicker every time: another rule of the table forbids this row.
        raise BatchRefused(stale)

    def compare(self, submissions: Sequence[Submission]) -> list[Decision]:
        """See the protocol."""
        with self._transaction() as cursor:
            transaction = PostgresTransaction(cursor, self._continuity)
            pairs = to_be_checked(submissions)
            lists = transaction.lists(pairs) if pairs else NO_LISTS
            return decide(submissions, transaction.know(submissions), lists)

    def dead_letters(self) -> list[StoredDeadLetter]:
        """See the protocol."""
        with self._transaction() as cursor:
            cursor.execute(
                "SELECT message, error, attempts, failed_at FROM wa_monitor_dead_letters"
                " ORDER BY failed_at"
            )
            return [StoredDeadLetter(Message(**row[0]), *row[1:]) for row in cursor.fetchall()]

    def counts(self) -> Mapping[str, Counts]:
        """See the protocol."""
        with self._transaction() as cursor:
            cursor.execute(COUNTS)
            return {group: Counts(*numbers) for group, *numbers in cursor.fetchall()}

    def report(self, instance: Instance) -> None:
        """See the protocol."""
        with self._transaction() as cursor:
            cursor.execute(
                "INSERT INTO wa_monitor_instances VALUES (%s, %s, %s, %s, %s, %s)"
                " ON CONFLICT (name) DO UPDATE SET release = excluded.release,"
                " started_at = excluded.started_at, seen_at = excluded.seen_at,"
                " last_error = excluded.last_error, last_error_at = excluded.last_error_at",
                tuple(instance),
            )

    def instances(self) -> list[Instance]:
        """See the protocol."""
        with self._transaction() as cursor:
            cursor.execute(
                "SELECT name, release, started_at, seen_at, last_error, last_error_at"
                " FROM wa_monitor_instances ORDER BY name"
            )
            return [Instance(*row) for row in cursor.fetchall()]

    def latest_drops(self, limit: int) -> list[DropRow]:
        """See the protocol."""
        with self._transaction() as cursor:
            cursor.execute(
                "SELECT drop_number, project, user_name, whatsapp_message_date::timestamptz,"
                " resubmitted, comment FROM qa_photo_reviews"
                " ORDER BY whatsapp_message_date DESC NULLS LAST, drop_number LIMIT %s",
                (limit,),
            )
            return [DropRow(*row) for row in cursor.fetchall()]

    def add_days(self, days: Sequence[DayMessages]) -> None:
        """See the protocol. In order of the key, so that two monitors do not deadlock."""
        records = [{"d": each.day.isoformat(), "g": each.group_jid, "m": each.messages}
                   for each in days]  # fmt: skip
        with self._transaction() as cursor:
            cursor.execute(ADD_DAYS, (json.dumps(records),))

    def days(self, since: date) -> list[Day]:
        """See the protocol."""
        midnight = datetime.combine(since, time(), UTC)
        with self._transaction() as cursor:
            cursor.execute(DAYS, {"day": since, "midnight": midnight})
            return [Day(*row) for row in cursor.fetchall()]

    def adopted_at(self) -> datetime | None:
        """See the protocol."""
        with self._transaction() as cursor:
            cursor.execute(
                "SELECT applied_at FROM wa_monitor_migrations WHERE version = 1"
                " AND EXISTS (SELECT FROM wa_monitor_adopted_rows)"
            )
            moment: datetime | None = _one(cursor)
            return moment

    def close(self) -> None:
        """See the protocol."""
        connection, self._connection, self._columns = self._connection, None, None
        if connection is not None:
            connection.close()

    def _delivering(self, cursor: extensions.cursor, bulk: bool) -> PostgresTransaction:
        if self._columns is None:
            self._require(fitness_faults(cursor))
            self._columns = columns_of(cursor, "qa_photo_reviews")
            self._lock_key = lock_key(cursor)
        cursor.execute(LOOK_UP_BY_INDEX)
        lock(cursor, self._lock_key)
        assume_new = bulk and self._all_new
        return PostgresTransaction(cursor, self._continuity, self._columns, assume_new=assume_new)

    def _require(self, faults: list[str]) -> None:
        if faults:
            raise StoreUnfit("; ".join(faults))

    @contextmanager
    def _transaction(self) -> Iterator[extensions.cursor]:
        """Open a transaction, connecting first if need be, and commit it at the end."""
        try:
            connection = self._connect()
            with connection, connection.cursor() as cursor:
                cursor.execute(SETTINGS)
                yield cursor
        except psycopg2.Error as error:
            raise self._explain(error) from error
        except (ValueError, UnicodeError) as error:
            # psycopg2 refuses by itself a text that PostgreSQL cannot hold, as with a NUL.
            raise BatchRefused(str(error)) from error

    def _connect(self) -> extensions.connection:
        if self._connection is None or self._connection.closed:
            self._columns = None
            self._connection = psycopg2.connect(
                self._url,
                connect_timeout=CONNECT_SECONDS,
                application_name=self._application_name,
                keepalives=1,
                keepalives_idle=10,
                keepalives_interval=5,
                keepalives_count=3,
                tcp_user_timeout=20_000,
            )
        return self._connection

    def _explain(self, error: psycopg2.Error) -> Exception:
        code = error.pgcode or ""
        said = " ".join(str(error).split()) or type(error).__name__
        said = hide_password(said, self._url)
        if code[:2] in DATA_CLASSES:
            return BatchRefused(f"{code} {said}")
        if isinstance(error, psycopg2.DataError):
            return BatchRefused(said)
        self.close()
        if code[:2] in FITNESS_CLASSES:
            return StoreUnfit(f"{self.address}: {code} {said}")
        return StoreUnavailable(f"{self.address}: {said}")


def _applied(cursor: extensions.cursor) -> set[int]:
    cursor.execute("SELECT to_regclass('wa_monitor_migrations')")
    if _one(cursor) is None:
        return set()
    cursor.execute("SELECT version FROM wa_monitor_migrations")
    return {row[0] for row in cursor.fetchall()}


def _one(cursor: extensions.cursor) -> Any:
    row = cursor.fetchone()
    return None if row is None else row[0]
