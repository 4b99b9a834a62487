"""The steps of a delivery on PostgreSQL, each one statement however large the batch."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from psycopg2 import extensions

from monitor.bridge.position import Position
from monitor.bridge.reader import Cursor
from monitor.drops.decide import Decision, Knowledge, SubmissionKey, key_of
from monitor.drops.submissions import Malformed, Submission
from monitor.store.records import DeadLetter, NewRow

LONG_AGO = datetime.min.replace(tzinfo=UTC)

ADD_ROWS = """
INSERT INTO qa_photo_reviews
    (drop_number, project, user_name, review_date, whatsapp_message_date, comment, submitted_by)
SELECT d, p, u, t, t, c, s FROM json_to_recordset(%s)
    AS r (d text, p text, u text, s text, t timestamptz, c text)
ON CONFLICT DO NOTHING
"""
ADD_ROWS_TO_OLDER_TABLE = """
INSERT INTO qa_photo_reviews
    (drop_number, project, user_name, review_date, whatsapp_message_date, comment)
SELECT d, p, u, t, t, c FROM json_to_recordset(%s)
    AS r (d text, p text, u text, t timestamptz, c text)
ON CONFLICT DO NOTHING
"""


class StaleDecision(Exception):
    """A row that was decided to be new has been added by another program meanwhile."""


class PostgresTransaction:
    """One open transaction; see `monitor.store.delivery.Transaction`.

    `columns` are those of `qa_photo_reviews`. Bulk data goes as one JSON parameter, which the
    server takes apart itself: one round trip, and no limit on the number of parameters.
    """

    def __init__(self, cursor: extensions.cursor, columns: frozenset[str]) -> None:
        self._cursor = cursor
        self._columns = columns

    def know(self, submissions: Sequence[Submission]) -> Knowledge:
        """See the protocol."""
        keys = [key_of(each) for each in submissions]
        self._cursor.execute(
            """
            SELECT s.drop_number, s.message_id, s.group_jid, l.drop_number IS NOT NULL,
                   q.drop_number IS NOT NULL,
                   CASE WHEN m.known_at IS NULL AND a.known_at IS NULL
                        THEN greatest(q.whatsapp_message_date::timestamptz,
                                      q.created_at::timestamptz)
                        ELSE greatest(m.known_at, a.known_at) END
            FROM json_to_recordset(%s)
                 AS s (drop_number text, message_id text, group_jid text)
            LEFT JOIN wa_monitor_ledger l USING (drop_number, message_id, group_jid)
            LEFT JOIN qa_photo_reviews q ON q.drop_number = s.drop_number
            LEFT JOIN wa_monitor_adopted_rows a ON a.drop_number = q.drop_number
            LEFT JOIN LATERAL (SELECT max(posted_at) AS known_at FROM wa_monitor_ledger
                               WHERE drop_number = q.drop_number) m ON true
            WHERE l.drop_number IS NOT NULL OR q.drop_number IS NOT NULL
            """,
            (json.dumps([key._asdict() for key in keys]),),
        )
        settled: set[SubmissionKey] = set()
        known_at: dict[str, datetime] = {}
        for drop, message, group, in_ledger, has_row, known in self._cursor.fetchall():
            if in_ledger:
                settled.add(SubmissionKey(drop, message, group))
            if has_row:
                known_at[drop] = known or LONG_AGO
        return Knowledge(settled, known_at)

    def add_to_ledger(self, instance: str, decisions: Sequence[Decision]) -> None:
        """See the protocol."""
        records = [
            {
                "d": each.drop_number, "m": each.message_id, "g": each.group_jid,
                "p": each.project, "s": each.sender, "t": each.posted_at.isoformat(),
                "o": outcome.value,
            }
            for each, outcome in decisions
        ]  # fmt: skip
        self._cursor.execute(
            "INSERT INTO wa_monitor_ledger (drop_number, message_id, group_jid, project, sender,"
            " posted_at, outcome, instance)"
            " SELECT d, m, g, p, s, t, o, %s FROM json_to_recordset(%s)"
            " AS r (d text, m text, g text, p text, s text, t timestamptz, o text)",
            (instance, json.dumps(records)),
        )

    def add_rows(self, rows: Sequence[NewRow]) -> None:
        """See the protocol; raises StaleDecision if another program was quicker."""
        records = [
            {
                "d": row.drop_number, "p": row.project, "u": row.user_name,
                "s": row.submitted_by, "t": row.posted_at.isoformat(), "c": row.comment,
            }
            for row in rows
        ]  # fmt: skip
        insert = ADD_ROWS if "submitted_by" in self._columns else ADD_ROWS_TO_OLDER_TABLE
        self._cursor.execute(insert, (json.dumps(records),))
        if self._cursor.rowcount != len(rows):
            raise StaleDecision

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
                    json.dumps(asdict(message)), _storable(error),
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
            "INSERT INTO wa_monitor_positions (instance, bridge, row_id, tail, groups)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (instance) DO UPDATE"
            " SET bridge = excluded.bridge, row_id = excluded.row_id, tail = excluded.tail,"
            " groups = excluded.groups, moved_at = excluded.moved_at",
            (
                instance, position.bridge, position.rowid, json.dumps(position.tail),
                json.dumps(sorted(position.groups)),
            ),
        )  # fmt: skip
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
