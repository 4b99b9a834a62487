"""The steps of a delivery on PostgreSQL, each one statement however large the batch."""

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import psycopg2
from psycopg2 import errors, extensions

from monitor.answers.compose import Answer
from monitor.bridge.position import Position
from monitor.bridge.reader import Cursor
from monitor.drops.decide import NOTHING_KNOWN, Decision, Knowledge, Outcome, SubmissionKey, key_of
from monitor.drops.submissions import Malformed, Submission
from monitor.drops.validity import NO_LISTS, Lists
from monitor.logs import fields
from monitor.store.continuity import Continuity
from monitor.store.copying import Copy, array, copy_in
from monitor.store.lists import LISTS_UNREADABLE
from monitor.store.postgresql_lists import ask_lists
from monitor.store.postgresql_rows import copies, row_columns
from monitor.store.records import (
    DeadLetter,
    Presumption,
    letter_key,
    not_listed,
    take_new,
    taken_in,
)

LONG_AGO = datetime.min.replace(tzinfo=UTC)

BULK = 100
"""So many submissions at once are taken to be new until a key says otherwise."""


class StaleDecision(Exception):
    """What was decided or taken to be new is there: added by another program, or long ago."""


LISTS_SECONDS = 3
"""For how long the lists may keep a batch waiting before it is taken in unchecked."""

# Another system's list may have no index: then the planner must be free to hash it.
ASK_LISTS = (
    f"SAVEPOINT lists; SET LOCAL statement_timeout = '{LISTS_SECONDS}s';"
    " SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on;"
    " SET LOCAL enable_mergejoin = on; SET LOCAL enable_material = on"
)

log = logging.getLogger(__name__)


class PostgresTransaction:
    """One open transaction; see `monitor.store.delivery.Transaction`.

    `columns` are those of `qa_photo_reviews`. What may be much goes through COPY, what is not
    as one JSON parameter that the server takes apart: few round trips either way.
    """

    def __init__(
        self,
        cursor: extensions.cursor,
        continuity: Continuity,
        columns: frozenset[str] = frozenset(),
        *,
        assume_new: bool = False,
    ) -> None:
        self._cursor = cursor
        self._continuity = continuity
        self._columns = columns
        self._assume_new = assume_new
        self.all_new = assume_new
        """Whether nothing of the batch was known, or was assumed to be."""

    def lists(self, pairs: Sequence[tuple[str, str]]) -> Lists:
        """See the protocol. A failure would end the whole transaction but for the savepoint."""
        self._cursor.execute(ASK_LISTS)
        try:
            found = ask_lists(self._cursor, pairs)
        except psycopg2.Error as error:
            if self._cursor.connection.closed or not error.pgcode:
                raise
            self._cursor.execute("ROLLBACK TO SAVEPOINT lists")
            log.error(LISTS_UNREADABLE, extra=fields(fault=" ".join(str(error).split())))
            return NO_LISTS
        # Rolled back all the same, for that brings the timeouts of the transaction back.
        self._cursor.execute("ROLLBACK TO SAVEPOINT lists")
        return found

    def add_invalid(self, submissions: Sequence[Submission]) -> None:
        """See the protocol."""
        records = [
            {
                "d": each.drop_number, "p": each.project, "s": each.sender, "g": each.group_jid,
                "t": each.posted_at.isoformat(), "r": not_listed(each),
            }
            for each in submissions
        ]  # fmt: skip
        self._cursor.execute(
            "INSERT INTO invalid_drop_submissions (drop_number, project, sender, group_jid,"
            " submitted_at, reason) SELECT d, p, s, g, t, r FROM json_to_recordset(%s)"
            " AS r (d text, p text, s text, g text, t timestamptz, r text)",
            (json.dumps(records),),
        )

    def let_in(self, submissions: Sequence[Submission]) -> None:
        """See the protocol."""
        records = [
            {
                **key_of(each)._asdict(), "posted_at": each.posted_at.isoformat(),
                "reason": not_listed(each),
            }
            for each in submissions
        ]  # fmt: skip
        self._cursor.execute(
            "DELETE FROM wa_monitor_ledger l USING json_to_recordset(%(keys)s)"
            " AS r (drop_number text, message_id text, group_jid text)"
            " WHERE l.drop_number = r.drop_number AND l.message_id = r.message_id"
            " AND l.group_jid = r.group_jid AND l.outcome = 'invalid';"
            " UPDATE invalid_drop_submissions i SET reason = %(taken_in)s"
            " FROM json_to_recordset(%(keys)s) AS r (drop_number text, group_jid text,"
            " posted_at timestamptz, reason text)"
            " WHERE i.drop_number = r.drop_number AND i.group_jid = r.group_jid"
            " AND i.submitted_at = r.posted_at AND i.reason = r.reason",
            {"keys": json.dumps(records), "taken_in": taken_in(datetime.now(UTC))},
        )

    def queue_answers(self, answers: Sequence[Answer], now: datetime) -> int:
        """See the protocol."""
        records = [
            {
                "g": each.group_jid, "m": each.message_id, "k": each.kind, "p": each.project,
                "r": each.recipient_jid, "x": each.text, "n": each.per_minute,
                "e": each.expires_at.isoformat(),
            }
            for each in answers
        ]  # fmt: skip
        self._cursor.execute(
            "INSERT INTO wa_monitor_answers (group_jid, message_id, kind, project,"
            " recipient_jid, answer, per_minute, expires_at, queued_at, not_before)"
            " SELECT g, m, k, p, r, x, n, e, %(now)s, %(now)s FROM json_to_recordset(%(all)s)"
            " AS a (g text, m text, k text, p text, r text, x text, n integer, e timestamptz)"
            " ON CONFLICT DO NOTHING",
            {"now": now, "all": json.dumps(records)},
        )
        return self._cursor.rowcount

    def know(self, submissions: Sequence[Submission]) -> Knowledge:
        """See the protocol."""
        if self._assume_new:
            # A backlog is nearly always new; if it is not, the tables' own keys refuse it.
            return NOTHING_KNOWN
        self._cursor.execute(
            """
            SELECT s.drop_number, s.message_id, s.group_jid, l.outcome,
                   q.drop_number IS NOT NULL,
                   CASE WHEN m.known_at IS NULL AND a.known_at IS NULL
                        THEN greatest(q.whatsapp_message_date::timestamptz,
                                      q.created_at::timestamptz)
                        ELSE greatest(m.known_at, a.known_at) END
            FROM unnest(%s::text[], %s::text[], %s::text[])
                 AS s (drop_number, message_id, group_jid)
            LEFT JOIN wa_monitor_ledger l USING (drop_number, message_id, group_jid)
            LEFT JOIN qa_photo_reviews q ON q.drop_number = s.drop_number
            LEFT JOIN wa_monitor_adopted_rows a ON a.drop_number = q.drop_number
            LEFT JOIN LATERAL (SELECT max(posted_at) AS known_at FROM wa_monitor_ledger
                               WHERE drop_number = q.drop_number
                                     AND outcome <> 'invalid') m ON true
            WHERE l.drop_number IS NOT NULL OR q.drop_number IS NOT NULL
            """,
            (
                array([each.drop_number for each in submissions]),
                array([each.message_id for each in submissions]),
                array([each.group_jid for each in submissions]),
            ),
        )
        settled: set[SubmissionKey] = set()
        waiting: set[SubmissionKey] = set()
        known_at: dict[str, datetime] = {}
        for drop, message, group, outcome, has_row, known in self._cursor.fetchall():
            if outcome:
                held = waiting if outcome == Outcome.INVALID else settled
                held.add(SubmissionKey(drop, message, group))
            if has_row:
                known_at[drop] = known or LONG_AGO
        self.all_new = not settled and not waiting and not known_at
        return Knowledge(settled, known_at, waiting)

    def add_decided(
        self, instance: str, decisions: Sequence[Decision], presumption: Presumption | None
    ) -> None:
        """See the protocol.

        Raises StaleDecision if something is there that was taken to be new, or if another
        program was quicker.
        """
        made: Sequence[Copy]
        if presumption is None:
            made = copies(instance, decisions, row_columns(self._columns))
        else:
            made = presumption.made
        try:
            for each in made:
                copy_in(self._cursor, each)
        except errors.UniqueViolation as error:
            raise StaleDecision(str(error)) from error

    def mark_resubmitted(self, comments: Mapping[str, str]) -> None:
        """See the protocol."""
        self._cursor.execute(
            "UPDATE qa_photo_reviews q SET resubmitted = true, incomplete = false,"
            " feedback_sent = NULL, updated_at = now(),"
            " comment = concat_ws(E'\\n', nullif(q.comment, ''), r.value)"
            " FROM json_each_text(%s) r WHERE q.drop_number = r.key",
            (json.dumps(comments),),
        )

    def add_malformed(self, malformed: Sequence[Malformed]) -> list[Malformed]:
        """See the protocol."""
        records = [
            {
                "m": each.message_id, "g": each.group_jid, "x": each.text, "p": each.project,
                "s": each.sender, "t": each.posted_at.isoformat(),
            }
            for each in malformed
        ]  # fmt: skip
        self._cursor.execute(
            "INSERT INTO wa_monitor_malformed (message_id, group_jid, malformed, project, sender,"
            " posted_at) SELECT m, g, x, p, s, t FROM json_to_recordset(%s)"
            " AS r (m text, g text, x text, p text, s text, t timestamptz)"
            " ON CONFLICT DO NOTHING RETURNING message_id, group_jid, malformed",
            (json.dumps(records),),
        )
        return take_new(malformed, self._cursor.fetchall())

    def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        """See the protocol."""
        for message, error in letters:
            self._cursor.execute(
                "INSERT INTO wa_monitor_dead_letters (group_jid, message_id, message, error)"
                " VALUES (%s, %s, %s, %s) ON CONFLICT (group_jid, message_id) DO UPDATE"
                " SET error = excluded.error, message = excluded.message,"
                " attempts = wa_monitor_dead_letters.attempts + 1,"
                " failed_at = excluded.failed_at",
                (
                    *map(_storable, letter_key(message)),
                    json.dumps(message._asdict()), _storable(error),
                ),
            )  # fmt: skip

    def remove_dead_letters(self, keys: Sequence[tuple[str, str]]) -> None:
        """See the protocol."""
        for group, message_id in keys:
            self._cursor.execute(
                "DELETE FROM wa_monitor_dead_letters WHERE group_jid = %s AND message_id = %s",
                (_storable(group), _storable(message_id)),
            )

    def save_progress(
        self, instance: str, position: Position, cursors: Mapping[str, Cursor]
    ) -> None:
        """See the protocol."""
        self._cursor.execute(
            "WITH former AS (SELECT row_id FROM wa_monitor_positions WHERE instance = %s)"
            " INSERT INTO wa_monitor_positions (instance, bridge, row_id, tail, groups)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (instance) DO UPDATE"
            " SET bridge = excluded.bridge, row_id = excluded.row_id, tail = excluded.tail,"
            " groups = excluded.groups, moved_at = excluded.moved_at"
            " RETURNING (SELECT row_id FROM former)",
            (
                instance,
                instance, position.bridge, position.rowid, json.dumps(position.tail),
                json.dumps(sorted(position.groups)),
            ),
        )  # fmt: skip
        ((former,),) = self._cursor.fetchall()
        self._continuity.check(instance, former)
        if cursors:
            records = [
                {
                    "g": group, "m": _storable(cursor.message_id), "r": cursor.rowid,
                    "t": cursor.posted_at.isoformat() if cursor.posted_at else None,
                }
                for group, cursor in cursors.items()
            ]  # fmt: skip
            self._cursor.execute(
                "INSERT INTO wa_monitor_cursors (instance, group_jid, message_id, row_id,"
                " posted_at) SELECT %s, g, m, r, t FROM json_to_recordset(%s)"
                " AS r (g text, m text, r bigint, t timestamptz)"
                " ON CONFLICT (instance, group_jid) DO UPDATE SET"
                " message_id = excluded.message_id, row_id = excluded.row_id,"
                " posted_at = excluded.posted_at",
                (instance, json.dumps(records)),
            )


def _storable(text: str) -> str:
    """Return text without NUL, which no PostgreSQL text can hold."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}")
