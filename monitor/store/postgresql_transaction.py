"""The steps of a delivery on PostgreSQL, each one statement however large the batch."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from psycopg2 import errors, extensions

from monitor.bridge.position import Position
from monitor.bridge.reader import Cursor
from monitor.drops.decide import Decision, Knowledge, SubmissionKey
from monitor.drops.submissions import Malformed, Submission
from monitor.store.continuity import Continuity
from monitor.store.copying import array, copy_in
from monitor.store.records import DeadLetter, NewRow

LONG_AGO = datetime.min.replace(tzinfo=UTC)

LEDGER_COLUMNS = (
    "drop_number", "message_id", "group_jid", "project", "sender", "posted_at", "outcome",
    "instance",
)  # fmt: skip
ROW_COLUMNS = (
    "drop_number", "project", "user_name", "review_date", "whatsapp_message_date", "comment",
    "submitted_by",
)  # fmt: skip


BULK = 100
"""So many submissions at once are taken to be new until a key says otherwise."""


class StaleDecision(Exception):
    """What was decided or taken to be new is there: added by another program, or long ago."""


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

    def know(self, submissions: Sequence[Submission]) -> Knowledge:
        """See the protocol."""
        if self._assume_new:
            # A backlog is nearly always new; if it is not, the tables' own keys refuse it.
            return Knowledge(frozenset(), {})
        self._cursor.execute(
            """
            SELECT s.drop_number, s.message_id, s.group_jid, l.drop_number IS NOT NULL,
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
                               WHERE drop_number = q.drop_number) m ON true
            WHERE l.drop_number IS NOT NULL OR q.drop_number IS NOT NULL
            """,
            (
                array([each.drop_number for each in submissions]),
                array([each.message_id for each in submissions]),
                array([each.group_jid for each in submissions]),
            ),
        )
        settled: set[SubmissionKey] = set()
        known_at: dict[str, datetime] = {}
        for drop, message, group, in_ledger, has_row, known in self._cursor.fetchall():
            if in_ledger:
                settled.add(SubmissionKey(drop, message, group))
            if has_row:
                known_at[drop] = known or LONG_AGO
        self.all_new = not settled and not known_at
        return Knowledge(settled, known_at)

    def add_to_ledger(self, instance: str, decisions: Sequence[Decision]) -> None:
        """See the protocol; raises StaleDecision if one is there that was taken to be new."""
        self._copy_in(
            "wa_monitor_ledger",
            LEDGER_COLUMNS,
            (
                (*each[:5], each.posted_at.isoformat(), outcome, instance)
                for each, outcome in decisions
            ),
        )

    def add_rows(self, rows: Sequence[NewRow]) -> None:
        """See the protocol; raises StaleDecision if another program was quicker."""
        records: list[tuple[str, ...]] = [
            (drop, project, user, moment, moment, comment, submitted_by)
            for drop, project, user, submitted_by, posted_at, comment in rows
            for moment in (posted_at.isoformat(),)
        ]
        if "submitted_by" in self._columns:
            self._copy_in("qa_photo_reviews", ROW_COLUMNS, records)
        else:
            older = ROW_COLUMNS[:-1]
            self._copy_in("qa_photo_reviews", older, [each[: len(older)] for each in records])

    def _copy_in(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        try:
            copy_in(self._cursor, table, columns, rows)
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

    def add_malformed(self, malformed: Sequence[Malformed]) -> int:
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
            " ON CONFLICT DO NOTHING",
            (json.dumps(records),),
        )
        return self._cursor.rowcount

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
                    _storable(message.group_jid), _storable(message.id),
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
