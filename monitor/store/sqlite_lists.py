"""The lists of valid drops and the senders, on SQLite."""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager

from monitor.drops.submissions import Submission
from monitor.drops.validity import Lists
from monitor.store.lists import Added
from monitor.store.sqlite_times import moment

RENAME = (
    "UPDATE wa_monitor_ledger SET sender = ? WHERE sender = ?",
    "UPDATE wa_monitor_malformed SET sender = ? WHERE sender = ?",
    "UPDATE invalid_drop_submissions SET sender = ? WHERE sender = ?",
)

Transactions = Callable[[], AbstractContextManager[sqlite3.Connection]]


class SqliteLists:
    """See `monitor.store.lists.DropLists`; `transaction` opens one of the store's."""

    def __init__(self, transaction: Transactions) -> None:
        self._transaction = transaction

    def add(self, project: str, drops: Iterable[Sequence[str]]) -> Added:
        """See the protocol."""
        added = left = 0
        with self._transaction() as connection:
            for part in drops:
                count = connection.executemany(
                    "INSERT OR IGNORE INTO valid_drop_numbers (drop_number, project) VALUES (?, ?)",
                    [(drop, project) for drop in part],
                ).rowcount
                added += count
                left += len(part) - count
        return Added(added, left)

    def sizes(self) -> Mapping[str, int]:
        """See the protocol."""
        with self._transaction() as connection:
            return dict(
                connection.execute(
                    "SELECT project, count(*) FROM valid_drop_numbers GROUP BY project"
                ).fetchall()
            )

    def waiting(self, unchecked: Collection[str]) -> list[Submission]:
        """See the protocol."""
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT drop_number, message_id, group_jid, project, sender, posted_at,"
                " project NOT IN (SELECT value FROM json_each(?1)) FROM wa_monitor_ledger l"
                " WHERE outcome = 'invalid' AND (project IN (SELECT value FROM json_each(?1))"
                " OR EXISTS (SELECT 1 FROM valid_drop_numbers v WHERE v.project = l.project"
                " AND v.drop_number = l.drop_number)) ORDER BY posted_at, settled_at",
                (json.dumps(sorted(unchecked)),),
            ).fetchall()
        return [Submission._make((*row[:5], moment(row[5]), bool(row[6]))) for row in rows]


class SqliteSenders:
    """See `monitor.store.lists.Senders`; `transaction` opens one of the store's."""

    def __init__(self, transaction: Transactions) -> None:
        self._transaction = transaction

    def all(self) -> list[str]:
        """See the protocol."""
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT sender FROM wa_monitor_ledger UNION SELECT sender FROM wa_monitor_malformed"
            ).fetchall()
        return [row[0] for row in rows]

    def rename(self, phones: Mapping[str, str]) -> int:
        """See the protocol."""
        changed = 0
        with self._transaction() as connection:
            for lid, phone in phones.items():
                changed += connection.execute(
                    "UPDATE qa_photo_reviews SET user_name = substr(?2, 1, 100),"
                    " submitted_by = CASE WHEN submitted_by = ?1 THEN ?2 ELSE submitted_by END"
                    " WHERE user_name = substr(?1, 1, 100) AND drop_number IN"
                    " (SELECT drop_number FROM wa_monitor_ledger"
                    " WHERE sender = ?1 AND outcome = 'new')",
                    (lid, phone),
                ).rowcount
                for statement in RENAME:
                    changed += connection.execute(statement, (phone, lid)).rowcount
        return changed


def ask_lists(connection: sqlite3.Connection, pairs: Sequence[tuple[str, str]]) -> Lists:
    """Ask the lists for pairs of project and drop, in one query however many there are."""
    rows = connection.execute(
        "SELECT json_extract(a.value, '$[0]'), json_extract(a.value, '$[1]')"
        " FROM json_each(?) a JOIN valid_drop_numbers v"
        " ON v.project = json_extract(a.value, '$[0]')"
        " AND v.drop_number = json_extract(a.value, '$[1]')",
        (json.dumps(pairs),),
    ).fetchall()
    filled = connection.execute(
        "SELECT value FROM json_each(?) WHERE EXISTS"
        " (SELECT 1 FROM valid_drop_numbers WHERE project = value)",
        (json.dumps(sorted({project for project, _ in pairs})),),
    ).fetchall()
    return Lists(frozenset(map(tuple, rows)), frozenset(row[0] for row in filled))
