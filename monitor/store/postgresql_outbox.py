"""The outbox on PostgreSQL."""

from datetime import datetime

from psycopg2 import extensions

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
from monitor.store.postgresql_lists import Transactions
from monitor.store.postgresql_locks import lock, lock_key

COLUMNS = (
    "a.group_jid, a.message_id, a.kind, a.project, a.recipient_jid, a.answer, a.per_minute,"
    " a.expires_at"
)

CLAIM = f"""
UPDATE wa_monitor_answers a
SET state = 'sending', attempts = attempts + 1, claimed_by = %(instance)s, claimed_at = %(now)s
FROM (
    SELECT group_jid, message_id, kind FROM wa_monitor_answers q
    WHERE state = 'queued' AND not_before <= %(now)s
      AND (SELECT count(*) FROM wa_monitor_answers g
           WHERE g.group_jid = q.group_jid AND g.claimed_at > %(window)s
             AND g.state <> 'queued') < q.per_minute
    ORDER BY queued_at, message_id LIMIT 1 FOR UPDATE SKIP LOCKED
) n
WHERE a.group_jid = n.group_jid AND a.message_id = n.message_id AND a.kind = n.kind
RETURNING {COLUMNS}, a.attempts
"""  # noqa: S608 -- COLUMNS is a constant of this file


class PostgresOutbox:
    """See `monitor.store.outbox.Outbox`; `transaction` opens one of the store's."""

    def __init__(self, transaction: Transactions) -> None:
        self._transaction = transaction

    def claim(self, instance: str, now: datetime) -> Claim:
        """See the protocol. One at a time, so that two monitors share a group's rate."""
        with self._transaction() as cursor:
            lock(cursor, lock_key(cursor, "answers"))
            _put_away(cursor, now)
            cursor.execute(CLAIM, {"instance": instance, "now": now, "window": now - RATE_WINDOW})
            row = cursor.fetchone()
            if row is not None:
                return Claim(Claimed(Answer(*row[:-1]), row[-1]), None)
            cursor.execute("SELECT min(not_before) FROM wa_monitor_answers WHERE state = 'queued'")
            due = cursor.fetchone()
            return Claim(None, due[0] if due else None)

    def finish(self, instance: str, claimed: Claimed, result: Result, now: datetime) -> None:
        """See the protocol."""
        answer = claimed.answer
        with self._transaction() as cursor:
            cursor.execute(
                "UPDATE wa_monitor_answers SET state = %(state)s, error = %(error)s, via = %(via)s,"
                " not_before = coalesce(%(retry_at)s, not_before),"
                " finished_at = CASE WHEN %(state)s <> 'queued' THEN %(now)s END"
                " WHERE group_jid = %(group)s AND message_id = %(message)s AND kind = %(kind)s"
                " AND claimed_by = %(instance)s AND attempts = %(attempts)s"
                # Once it has been given up it may be known to be sent, never queued again.
                " AND (state = 'sending' OR state = 'unknown' AND %(state)s <> 'queued')",
                {
                    **result._asdict(),
                    "now": now,
                    "group": answer.group_jid,
                    "message": answer.message_id,
                    "kind": answer.kind,
                    "instance": instance,
                    "attempts": claimed.attempts,
                },
            )

    def counts(self, now: datetime) -> list[AnswerCount]:
        """See the protocol."""
        with self._transaction() as cursor:
            cursor.execute(COUNTS.format(since="%s"), (now - RECENT,))
            return [AnswerCount(*row) for row in cursor.fetchall()]

    def latest(self, limit: int) -> list[Posted]:
        """See the protocol."""
        with self._transaction() as cursor:
            cursor.execute(
                f"SELECT {COLUMNS}, state, attempts, queued_at, finished_at, coalesce(error, '')"  # noqa: S608 -- COLUMNS is a constant of this file
                " FROM wa_monitor_answers a ORDER BY queued_at DESC, message_id LIMIT %s",
                (limit,),
            )
            return [Posted(Answer(*row[:8]), *row[8:]) for row in cursor.fetchall()]

    def hold(self, instance: str, rowid: int) -> None:
        """See the protocol."""
        with self._transaction() as cursor:
            cursor.execute(
                "INSERT INTO wa_monitor_answer_floors (instance, row_id) VALUES (%s, %s)"
                " ON CONFLICT (instance) DO UPDATE SET row_id = excluded.row_id",
                (instance, rowid),
            )

    def held(self, instance: str) -> int:
        """See the protocol."""
        with self._transaction() as cursor:
            cursor.execute(
                "SELECT row_id FROM wa_monitor_answer_floors WHERE instance = %s", (instance,)
            )
            row = cursor.fetchone()
            return int(row[0]) if row else 0


def _put_away(cursor: extensions.cursor, now: datetime) -> None:
    cursor.execute(
        "UPDATE wa_monitor_answers SET state = 'expired', finished_at = %(now)s"
        " WHERE state = 'queued' AND expires_at <= %(now)s;"
        " UPDATE wa_monitor_answers SET state = 'unknown', finished_at = %(now)s, error = %(lost)s"
        " WHERE state = 'sending' AND claimed_at <= %(stuck)s",
        {"now": now, "lost": LOST_SENDER, "stuck": now - STUCK_AFTER},
    )
