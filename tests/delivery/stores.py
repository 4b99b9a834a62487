"""Looking into a store behind the program's back, whichever kind it is."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class StoreView:
    """A store's tables: a PostgreSQL database at `url`, or the file at `path` without one."""

    path: Path
    url: str | None

    def query(self, statement: str) -> Rows:
        """Run one statement, the same on both stores, and return its rows, if it has any."""
        if self.url is None:
            with closing(self._open()) as file, file:
                return file.execute(statement).fetchall()
        with closing(psycopg2.connect(self.url)) as server, server, server.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def _open(self) -> sqlite3.Connection:
        # Never making the file: it would be the looker's, not the service's.
        return sqlite3.connect(f"file:{self.path}?mode=rw", uri=True, timeout=5)

    def ready(self) -> bool:
        """Tell whether the tables are there."""
        try:
            self.query("SELECT 1 FROM wa_monitor_ledger LIMIT 1")
        except (sqlite3.OperationalError, psycopg2.Error):
            return False
        return True

    def ledger(self) -> list[tuple[str, str, str]]:
        """Return every submission, as (group JID, message id, drop), sorted."""
        rows = self.query("SELECT group_jid, message_id, drop_number FROM wa_monitor_ledger")
        return sorted((group, message, drop) for group, message, drop in rows)

    def outcomes(self) -> dict[tuple[str, str], str]:
        """Return what each submission was taken for, by (message id, drop)."""
        rows = self.query("SELECT message_id, drop_number, outcome FROM wa_monitor_ledger")
        return {(message, drop): outcome for message, drop, outcome in rows}

    def drops(self) -> list[str]:
        """Return the drop of every QA row, sorted."""
        return sorted(row[0] for row in self.query("SELECT drop_number FROM qa_photo_reviews"))

    def malformed(self) -> list[str]:
        """Return every near miss as it was posted, sorted."""
        return sorted(row[0] for row in self.query("SELECT malformed FROM wa_monitor_malformed"))

    def dead_letters(self) -> dict[str, str]:
        """Return the error of each message that was set aside, by message id."""
        return dict(self.query("SELECT message_id, error FROM wa_monitor_dead_letters"))

    def holds(self, *drops: str) -> bool:
        """Tell whether every one of `drops` has its row; False if the store cannot be asked."""
        wanted = ", ".join(f"'{drop}'" for drop in set(drops))
        try:
            found = self.query(
                f"SELECT count(*) FROM qa_photo_reviews WHERE drop_number IN ({wanted})"
            )
        except (sqlite3.OperationalError, psycopg2.Error):
            return False
        return found == [(len(set(drops)),)]


def assert_exactly(store: StoreView, submitted: Iterable[tuple[str, str, str]]) -> None:
    """Check the one law: each submission once in the ledger, each drop one row, nothing else."""
    expected = set(submitted)
    held = store.ledger()
    missed, invented = expected - set(held), set(held) - expected
    assert not missed, f"missed: {sorted(missed)}"
    assert not invented, f"never posted: {sorted(invented)}"
    assert len(held) == len(expected), f"doubled: {held}"
    drops = store.drops()
    assert drops == sorted({drop for _, _, drop in expected}), f"QA rows: {drops}"
