"""The lists of valid drops and the senders, on PostgreSQL."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager

from psycopg2 import extensions

from monitor.drops.submissions import Submission
from monitor.drops.validity import Lists
from monitor.store.lists import Added
from monitor.store.postgresql_fitness import columns_of
from monitor.store.postgresql_locks import lock, lock_key

# As long as user_name is untouched: a row that a person has changed is left alone.
RENAME_SUBMITTED_BY = """
UPDATE qa_photo_reviews q SET submitted_by = r.value
FROM json_each_text(%s) r JOIN wa_monitor_ledger l ON l.sender = r.key AND l.outcome = 'new'
WHERE q.drop_number = l.drop_number AND q.user_name = left(r.key, 100) AND q.submitted_by = r.key
"""
RENAME = (
    """
    UPDATE qa_photo_reviews q SET user_name = left(r.value, 100)
    FROM json_each_text(%s) r JOIN wa_monitor_ledger l ON l.sender = r.key AND l.outcome = 'new'
    WHERE q.drop_number = l.drop_number AND q.user_name = left(r.key, 100)
    """,
    "UPDATE wa_monitor_ledger t SET sender = r.value"
    " FROM json_each_text(%s) r WHERE t.sender = r.key",
    "UPDATE wa_monitor_malformed t SET sender = r.value"
    " FROM json_each_text(%s) r WHERE t.sender = r.key",
    "UPDATE invalid_drop_submissions t SET sender = r.value"
    " FROM json_each_text(%s) r WHERE t.sender = r.key",
)

Transactions = Callable[[], AbstractContextManager[extensions.cursor]]


class PostgresLists:
    """See `monitor.store.lists.DropLists`; `transaction` opens one of the store's."""

    def __init__(self, transaction: Transactions) -> None:
        self._transaction = transaction

    def add(self, project: str, drops: Iterable[Sequence[str]]) -> Added:
        """See the protocol. A table of another system need not have a unique index."""
        added = left = 0
        with self._transaction() as cursor:
            for part in drops:
                cursor.execute(
                    "INSERT INTO valid_drop_numbers (drop_number, project)"
                    " SELECT DISTINCT value, %(project)s FROM json_array_elements_text(%(drops)s)"
                    " WHERE NOT EXISTS (SELECT FROM valid_drop_numbers v"
                    " WHERE v.project = %(project)s AND v.drop_number = value)"
                    " ON CONFLICT DO NOTHING",
                    {"project": project, "drops": json.dumps(part)},
                )
                added += cursor.rowcount
                left += len(part) - cursor.rowcount
        return Added(added, left)

    def sizes(self) -> Mapping[str, int]:
        """See the protocol."""
        with self._transaction() as cursor:
            cursor.execute("SELECT project, count(*) FROM valid_drop_numbers GROUP BY project")
            return dict(cursor.fetchall())

    def waiting(self, unchecked: Collection[str]) -> list[Submission]:
        """See the protocol."""
        with self._transaction() as cursor:
            cursor.execute(
                "SELECT drop_number, message_id, group_jid, project, sender, posted_at,"
                " project <> ALL(%(unchecked)s) FROM wa_monitor_ledger l"
                " WHERE outcome = 'invalid' AND (project = ANY(%(unchecked)s)"
                " OR EXISTS (SELECT FROM valid_drop_numbers v WHERE v.project = l.project"
                " AND v.drop_number = l.drop_number)) ORDER BY posted_at, settled_at",
                {"unchecked": list(unchecked)},
            )
            return [*map(Submission._make, cursor.fetchall())]


class PostgresSenders:
    """See `monitor.store.lists.Senders`; `transaction` opens one of the store's."""

    def __init__(self, transaction: Transactions) -> None:
        self._transaction = transaction

    def all(self) -> list[str]:
        """See the protocol."""
        with self._transaction() as cursor:
            cursor.execute(
                "SELECT sender FROM wa_monitor_ledger UNION SELECT sender FROM wa_monitor_malformed"
            )
            return [row[0] for row in cursor.fetchall()]

    def rename(self, phones: Mapping[str, str]) -> int:
        """See the protocol."""
        with self._transaction() as cursor:
            lock(cursor, lock_key(cursor))  # the same rows are a delivery's
            renamed = (json.dumps(dict(phones)),)
            if "submitted_by" in columns_of(cursor, "qa_photo_reviews"):
                cursor.execute(RENAME_SUBMITTED_BY, renamed)
            changed = 0
            for statement in RENAME:
                cursor.execute(statement, renamed)
                changed += cursor.rowcount
        return changed


def ask_lists(cursor: extensions.cursor, pairs: Sequence[tuple[str, str]]) -> Lists:
    """Ask the lists for pairs of project and drop, in one query however many there are."""
    cursor.execute(
        "WITH asked AS (SELECT value ->> 0 AS project, value ->> 1 AS drop_number"
        " FROM json_array_elements(%s)),"
        " filled AS MATERIALIZED (SELECT project, EXISTS (SELECT FROM valid_drop_numbers v"
        " WHERE v.project = p.project) AS is_filled FROM (SELECT DISTINCT project FROM asked) p)"
        " SELECT a.project, a.drop_number, v.drop_number IS NOT NULL, f.is_filled"
        " FROM asked a JOIN filled f USING (project)"
        " LEFT JOIN valid_drop_numbers v"
        " ON v.project = a.project AND v.drop_number = a.drop_number",
        (json.dumps(pairs),),
    )
    rows = cursor.fetchall()
    return Lists(
        frozenset((project, drop) for project, drop, listed, _ in rows if listed),
        frozenset(project for project, _, _, filled in rows if filled),
    )
