"""The steps of a delivery on SQLite."""

import json
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from monitor.answers.compose import Answer
from monitor.bridge.position import Position
from monitor.bridge.reader import Cursor
from monitor.drops.decide import Decision, Knowledge, Outcome, SubmissionKey, key_of
from monitor.drops.submissions import Malformed, Submission
from monitor.drops.validity import NO_LISTS, Lists
from monitor.logs import fields
from monitor.store.continuity import Continuity
from monitor.store.lists import LISTS_UNREADABLE
from monitor.store.records import (
    USER_NAME_LENGTH,
    DeadLetter,
    Presumption,
    first_comment,
    letter_key,
    not_listed,
    taken_in,
)
from monitor.store.sqlite_lists import ask_lists
from monitor.store.sqlite_times import moment, stamp

LONG_AGO = datetime.min.replace(tzinfo=UTC)

log = logging.getLogger(__name__)


class SqliteTransaction:
    """One open transaction; see `monitor.store.delivery.Transaction`."""

    def __init__(self, connection: sqlite3.Connection, continuity: Continuity) -> None:
        self._continuity = continuity
        self._connection = connection

    def lists(self, pairs: Sequence[tuple[str, str]]) -> Lists:
        """See the protocol."""
        try:
            return ask_lists(self._connection, pairs)
        except sqlite3.OperationalError as error:
            # Of the whole file's faults SQLITE_ERROR alone is the query's own.
            if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR:
                raise
            log.error(LISTS_UNREADABLE, extra=fields(fault=error))
            return NO_LISTS

    def add_invalid(self, submissions: Sequence[Submission]) -> None:
        """See the protocol."""
        self._connection.executemany(
            "INSERT INTO invalid_drop_submissions (drop_number, project, sender, group_jid,"
            " submitted_at, reason) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    each.drop_number, each.project, each.sender, each.group_jid,
                    stamp(each.posted_at), not_listed(each),
                )
                for each in submissions
            ],
        )  # fmt: skip

    def let_in(self, submissions: Sequence[Submission]) -> None:
        """See the protocol."""
        self._connection.executemany(
            "DELETE FROM wa_monitor_ledger WHERE drop_number = ? AND message_id = ?"
            " AND group_jid = ? AND outcome = 'invalid'",
            [key_of(each) for each in submissions],
        )
        reason = taken_in(datetime.now(UTC))
        self._connection.executemany(
            "UPDATE invalid_drop_submissions SET reason = ? WHERE drop_number = ?"
            " AND group_jid = ? AND submitted_at = ? AND reason = ?",
            [
                (reason, each.drop_number, each.group_jid, stamp(each.posted_at), not_listed(each))
                for each in submissions
            ],
        )

    def queue_answers(self, answers: Sequence[Answer], now: datetime) -> int:
        """See the protocol."""
        return self._connection.executemany(
            "INSERT OR IGNORE INTO wa_monitor_answers (group_jid, message_id, kind, project,"
            " recipient_jid, answer, per_minute, expires_at, queued_at, not_before)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(*each[:-1], stamp(each.expires_at), stamp(now), stamp(now)) for each in answers],
        ).rowcount

    def know(self, submissions: Sequence[Submission]) -> Knowledge:
        """See the protocol."""
        rows = self._connection.execute(
            """
            SELECT s.drop_number, s.message_id, s.group_jid, l.outcome,
                   q.drop_number IS NOT NULL,
                   (SELECT max(posted_at) FROM wa_monitor_ledger
                    WHERE drop_number = q.drop_number AND outcome <> 'invalid'),
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
        waiting: set[SubmissionKey] = set()
        known_at: dict[str, datetime] = {}
        for drop, message, group, outcome, has_row, ledger, adopted, posted, created in rows:
            if outcome:
                held = waiting if outcome == Outcome.INVALID else settled
                held.add(SubmissionKey(drop, message, group))
            if has_row:
                own = [each for each in (ledger, adopted) if each]
                others = [each for each in (posted, created) if each]
                known_at[drop] = max((moment(each) for each in own or others), default=LONG_AGO)
        return Knowledge(settled, known_at, waiting)

    def add_decided(
        self, instance: str, decisions: Sequence[Decision], presumption: Presumption | None
    ) -> None:
        """See the protocol. This store presumes nothing."""
        stamped = [(stamp(each.posted_at), each, outcome) for each, outcome in decisions]
        self._connection.executemany(
            "INSERT INTO wa_monitor_ledger (drop_number, message_id, group_jid, project, sender,"
            " posted_at, outcome, instance) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(*each[:5], posted, outcome.value, instance) for posted, each, outcome in stamped],
        )
        self._connection.executemany(
            "INSERT INTO qa_photo_reviews (drop_number, project, user_name, submitted_by,"
            " review_date, whatsapp_message_date, comment) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    each.drop_number, each.project, each.sender[:USER_NAME_LENGTH], each.sender,
                    posted, posted, first_comment(each.project, posted),
                )
                for posted, each, outcome in stamped if outcome is Outcome.NEW
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

    def add_malformed(self, malformed: Sequence[Malformed]) -> list[Malformed]:
        """See the protocol."""
        new = []
        for each in malformed:
            done = self._connection.execute(
                "INSERT OR IGNORE INTO wa_monitor_malformed (message_id, group_jid, malformed,"
                " project, sender, posted_at) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    each.message_id, each.group_jid, each.text, each.project, each.sender,
                    stamp(each.posted_at),
                ),
            )  # fmt: skip
            if done.rowcount:
                new.append(each)
        return new

    def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        """See the protocol."""
        self._connection.executemany(
            "INSERT INTO wa_monitor_dead_letters (group_jid, message_id, message, error)"
            " VALUES (?, ?, ?, ?) ON CONFLICT (group_jid, message_id) DO UPDATE"
            " SET error = excluded.error, message = excluded.message, attempts = attempts + 1,"
            " failed_at = excluded.failed_at",
            [
                (*letter_key(message), json.dumps(message._asdict()), error)
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
