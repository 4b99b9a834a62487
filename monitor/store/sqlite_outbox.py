"""The outbox on SQLite."""

import sqlite3
from datetime import datetime
from typing import Any

from monitor.answers.compose import Answer
from monitor.store.outbox import (
    COUNTS,
    LOST_SENDER,
    RATE_WINDOW,
    RECENT,
    STUCK_AFTER,
    AnswerCount,
    Claim,
    Claimed,
    Posted,
    Result,
)
from monitor.store.sqlite_lists import Transactions
from monitor.store.sqlite_times import moment, optional_moment, stamp

COLUMNS = "group_jid, message_id, kind, project, recipient_jid, answer, per_minute, expires_at"

CLAIM = f"""
UPDATE wa_monitor_answers
SET state = 'sending', attempts = attempts + 1, claimed_by = :instance, claimed_at = :now
WHERE rowid = (
    SELECT rowid FROM wa_monitor_answers q
    WHERE state = 'queued' AND not_before <= :now
      AND (SELECT count(*) FROM wa_monitor_answers g
           WHERE g.group_jid = q.group_jid AND g.claimed_at > :window
             AND g.state <> 'queued') < q.per_minute
    ORDER BY queued_at, message_id LIMIT 1
)
RETURNING {COLUMNS}, attempts
"""  # noqa: S608 -- COLUMNS is a constant of this file


class SqliteOutbox:
    """See `monitor.store.outbox.Outbox`; `transaction` opens one of the store's."""

    def __init__(self, transaction: Transactions) -> None:
        self._transaction = transaction

    def claim(self, instance: str, now: datetime) -> Claim:
        """See the protocol."""
        with self._transaction() as connection:
            _put_away(connection, now)
            rows = connection.execute(
                CLAIM,
                {"instance": instance, "now": stamp(now), "window": stamp(now - RATE_WINDOW)},
            ).fetchall()
            if rows:
                return Claim(Claimed(_answer(rows[0]), rows[0][8]), None)
            due = connection.execute(
                "SELECT min(not_before) FROM wa_monitor_answers WHERE state = 'queued'"
            ).fetchone()
        return Claim(None, optional_moment(due[0]))

    def finish(self, instance: str, claimed: Claimed, result: Result, now: datetime) -> None:
        """See the protocol."""
        answer = claimed.answer
        with self._transaction() as connection:
            connection.execute(
                "UPDATE wa_monitor_answers SET state = :state, error = :error, via = :via,"
                " not_before = coalesce(:retry_at, not_before),"
                " finished_at = CASE WHEN :state <> 'queued' THEN :now END"
                " WHERE group_jid = :group AND message_id = :message AND kind = :kind"
                " AND claimed_by = :instance AND attempts = :attempts"
                # Once it has been given up it may be known to be sent, never queued again.
                " AND (state = 'sending' OR state = 'unknown' AND :state <> 'queued')",
                {
                    **result._asdict(),
                    "retry_at": stamp(result.retry_at) if result.retry_at else None,
                    "now": stamp(now),
                    "group": answer.group_jid,
                    "message": answer.message_id,
                    "kind": answer.kind,
                    "instance": instance,
                    "attempts": claimed.attempts,
                },
            )

    def counts(self, now: datetime) -> list[AnswerCount]:
        """See the protocol."""
        with self._transaction() as connection:
            rows = connection.execute(COUNTS.format(since="?"), (stamp(now - RECENT),)).fetchall()
        return [AnswerCount(*row) for row in rows]

    def latest(self, limit: int) -> list[Posted]:
        """See the protocol."""
        with self._transaction() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS}, state, attempts, queued_at, finished_at, coalesce(error, '')"  # noqa: S608 -- COLUMNS is a constant of this file
                " FROM wa_monitor_answers ORDER BY queued_at DESC, message_id LIMIT ?",
                (limit,),
            ).fetchall()
        return [
            Posted(_answer(row), row[8], row[9], moment(row[10]), optional_moment(row[11]), row[12])
            for row in rows
        ]

    def hold(self, instance: str, rowid: int) -> None:
        """See the protocol."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO wa_monitor_answer_floors (instance, row_id) VALUES (?, ?)",
                (instance, rowid),
            )

    def held(self, instance: str) -> int:
        """See the protocol."""
        with self._transaction() as connection:
            row = connection.execute(
                "SELECT row_id FROM wa_monitor_answer_floors WHERE instance = ?", (instance,)
            ).fetchone()
        return int(row[0]) if row else 0


def _put_away(connection: sqlite3.Connection, now: datetime) -> None:
    connection.execute(
        "UPDATE wa_monitor_answers SET state = 'expired', finished_at = ?1"
        " WHERE state = 'queued' AND expires_at <= ?1",
        (stamp(now),),
    )
    connection.execute(
        "UPDATE wa_monitor_answers SET state = 'unknown', finished_at = ?, error = ?"
        " WHERE state = 'sending' AND claimed_at <= ?",
        (stamp(now), LOST_SENDER, stamp(now - STUCK_AFTER)),
    )


def _answer(row: tuple[Any, ...]) -> Answer:
    return Answer._make((*row[:7], moment(row[7])))
