"""The steps of a delivery on SQLite."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from monitor.bridge.position import Position
from monitor.bridge.reader import Cursor
from monitor.drops.decide import Decision, Knowledge, SubmissionKey, key_of
from monitor.drops.submissions import Malformed, Submission
from monitor.store.continuity import Continuity
from monitor.store.records import DeadLetter, NewRow

LONG_AGO = datetime.min.replace(tzinfo=UTC)


class SqliteTransaction:
    """One open transaction; see `monitor.store.delivery.Transaction`."""

    def __init__(self, connection: sqlite3.Connection, continuity: Continuity) -> None:
        self._continuity = continuity
        self._connection = connection

    def know(self, submissions: Sequence[Submission]) -> Knowledge:
        """See the protocol."""
        rows = self._connection.execute(
            """
            SELECT s.drop_number, s.message_id, s.group_jid, l.drop_number IS NOT NULL,
                   q.drop_number IS NOT NULL,
                   (SELECT max(posted_at) FROM wa_monitor_ledger
                    WHERE drop_number = q.drop_number),
                   a.known_at, q.whatsapp_message_date, q.created_at
            FROM (SELECT json_extract(value, '$[0]') AS drop_number,
                         json_extract(value, '$[1]') AS message_id,
                         json_extract(value, '$[2]') AS group_jid FROM json_each(?)) s
            LEFT JOIN wa_monitor_ledger l USING (drop_number, message_id, group_jid)
            LEFT JOIN qa_photo_reviews q ON q.drop_number = s.drop_number
            LEFT JOIN wa_monitor_adopted_rows a ON a.drop_number = q.drop_number
            WHERE l.drop_number IS NOT NULL OR q.drop_number IS NOT NULL
            """,
            (json.dumps([key_of(each) for each in submissions]),),
        )
        settled: set[SubmissionKey] = set()
        known_at: dict[str, datetime] = {}
        for drop, message, group, in_ledger, has_row, ledger, adopted, posted, created in rows:
            if in_ledger:
                settled.add(SubmissionKey(drop, message, group))
            if has_row:
                own = [each for each in (ledger, adopted) if each]
                others = [each for each in (posted, created) if each]
                known_at[drop] = max((moment(each) for each in own or others), default=LONG_AGO)
        return Knowledge(settled, known_at)

    def add_to_ledger(self, instance: str, decisions: Sequence[Decision]) -> None:
        """See the protocol."""
        self._connection.executemany(
            "INSERT INTO wa_monitor_ledger (drop_number, message_id, group_jid, project, sender,"
            " posted_at, outcome, instance) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    each.drop_number, each.message_id, each.group_jid, each.project, each.sender,
                    stamp(each.posted_at), outcome.value, instance,
                )
                for each, outcome in decisions
            ],
        )  # fmt: skip

    def add_rows(self, rows: Sequence[NewRow]) -> None:
        """See the protocol."""
        self._connection.executemany(
            "INSERT INTO qa_photo_reviews (drop_number, project, user_name, submitted_by,"
            " review_date, whatsapp_message_date, comment) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    row.drop_number, row.project, row.user_name, row.submitted_by,
                    stamp(row.posted_at), stamp(row.posted_at), row.comment,
                )
                for row in rows
            ],
        )  # fmt: skip

    def mark_resubmitted(self, comments: Mapping[str, str]) -> None:
        """See the protocol."""
        self._connection.executemany(
            "UPDATE qa_photo_reviews SET resubmitted = 1, incomplete = 0, feedback_sent = NULL,"
            " updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'),"
            " comment = CASE WHEN coalesce(comment, '') = '' THEN ?1"
            " ELSE comment || char(10) || ?1 END WHERE drop_number = ?2",
            [(comment, drop) for drop, comment in comments.items()],
        )

    def add_malformed(self, malformed: Sequence[Malformed]) -> int:
        """See the protocol."""
        return self._connection.executemany(
            "INSERT OR IGNORE INTO wa_monitor_malformed (message_id, group_jid, malformed,"
            " project, sender, posted_at) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    each.message_id, each.group_jid, each.text, each.project, each.sender,
                    stamp(each.posted_at),
                )
                for each in malformed
            ],
        ).rowcount  # fmt: skip

    def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        """See the protocol."""
        self._connection.executemany(
            "INSERT INTO wa_monitor_dead_letters (group_jid, message_id, message, error)"
            " VALUES (?, ?, ?, ?) ON CONFLICT (group_jid, message_id) DO UPDATE"
            " SET error = excluded.error, message = excluded.message, attempts = attempts + 1,"
            " failed_at = excluded.failed_at",
            [
                (message.group_jid, message.id, json.dumps(message._asdict()), error)
                for message, error in letters
            ],
        )

    def remove_dead_letters(self, keys: Sequence[tuple[str, str]]) -> None:
        """See the protocol."""
        self._connection.executemany(
            "DELETE FROM wa_monitor_dead_letters WHERE group_jid = ? AND message_id = ?", keys
        )

    def save_progress(
        self, instance: str, position: Position, cursors: Mapping[str, Cursor]
    ) -> None:
        """See the protocol."""
        former = self._connection.execute(
            "SELECT row_id FROM wa_monitor_positions WHERE instance = ?", (instance,)
        ).fetchone()
        self._continuity.check(instance, former[0] if former else None)
        self._connection.execute(
            "INSERT OR REPLACE INTO wa_monitor_positions (instance, bridge, row_id, tail, groups)"
            " VALUES (?, ?, ?, ?, ?)",
            (
                instance, position.bridge, position.rowid, json.dumps(position.tail),
                json.dumps(sorted(position.groups)),
            ),
        )  # fmt: skip
        self._connection.executemany(
            "INSERT OR REPLACE INTO wa_monitor_cursors (instance, group_jid, message_id, row_id,"
            " posted_at) VALUES (?, ?, ?, ?, ?)",
            [
                (
                    instance, group, cursor.message_id, cursor.rowid,
                    stamp(cursor.posted_at) if cursor.posted_at else None,
                )
                for group, cursor in cursors.items()
            ],
        )  # fmt: skip


def stamp(moment: datetime) -> str:
    """Return a time as the store keeps it: UTC text of fixed width, which sorts as time does."""
    # Not strftime: it writes the year 1, which Go's zero time has, as one digit.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def moment(text: str) -> datetime:
    """Return the time that `stamp` wrote."""
    return datetime.fromisoformat(text)


def optional_moment(text: str | None) -> datetime | None:
    """Return the time that `stamp` wrote, None where there is none."""
    return moment(text) if text else None
