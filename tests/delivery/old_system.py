"""`qa_photo_reviews` and state.json as the old system left them."""

from contextlib import closing
from datetime import UTC, datetime

import psycopg2

from monitor.demo.groups import LAWLEY, MAMELODI, MOHADIN, VELO_TEST
from tests.qa_table import TABLE

STATE = {
    LAWLEY: "FC8139959036CA85B77F0A57EB8FFDD6",
    VELO_TEST: "3EB0FF3868BCD0A7EC9F39",
    MOHADIN: "FF6141ACC4B0DCBC05224F724A49DC52",
    MAMELODI: "3EB0EFFDA1A21841544E66",
}
"""The cursors of its last day: high ids, below which nearly every later one sorts."""

LOST_DROPS = ("DR1752028", "DR1752034", "DR1752040", "DR1752011", "DR1752039")
"""What it never saw in Lawley, for their messages' ids sorted below its cursor."""

LAST_DAY = datetime(2025, 11, 9, 18, 0, tzinfo=UTC)
"""When it wrote its last row."""

ROW = (
    "INSERT INTO qa_photo_reviews (drop_number, project, user_name, review_date,"
    " whatsapp_message_date, comment, created_at, updated_at)"
    " VALUES (%s, 'Lawley', '27000000009', %s, %s, 'checked', %s, %s)"
)


def leave_table(url: str, *drops: str, table: str = TABLE) -> None:
    """Leave its table in an empty database, with a row for each of `drops`."""
    with closing(psycopg2.connect(url)) as server, server, server.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
        cursor.execute(table)
        cursor.executemany(ROW, [(drop, *[LAST_DAY] * 4) for drop in drops])
