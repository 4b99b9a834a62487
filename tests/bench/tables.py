"""The QA table, as the office's database has it, for what is measured beside the monitor."""

from contextlib import closing

import psycopg2

from tests.qa_table import TABLE


def create_table(database_url: str) -> None:
    """Create the empty QA table."""
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(TABLE)
        connection.commit()


def count_rows(database_url: str) -> int:
    """Return how many rows the QA table has."""
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM qa_photo_reviews")
        row = cursor.fetchone()
        assert row is not None
        return int(row[0])
