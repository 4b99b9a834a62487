"""The limit as a command: one scan of the bridge's file, and one COPY of what it yields."""

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path

import psycopg2

from monitor.demo.groups import KNOWN_GROUPS

PROJECTS = {jid: name for name, jid in KNOWN_GROUPS.items()}
WRITTEN = (
    *("drop_number", "project", "user_name", "submitted_by"),
    *("review_date", "whatsapp_message_date", "comment"),
)
"""The columns that a new drop fills."""

# The filter that the monitor has SQLite apply; the rest of the row is what it reads.
SCAN = """
SELECT chat_jid, sender, substr(content, 1, 9), timestamp FROM messages
WHERE rowid > 0 AND is_from_me IS NOT 1 AND chat_jid IN (?, ?, ?, ?) AND content LIKE '%dr%'
ORDER BY rowid
"""


def scan(bridge_path: Path) -> Iterator[tuple[str, str, str, str, str, str, str]]:
    """Yield the QA table's columns for every message that passes the filter."""
    with closing(sqlite3.connect(f"file:{bridge_path}?mode=ro", uri=True)) as bridge:
        for jid, sender, drop, posted in bridge.execute(SCAN, tuple(PROJECTS)):
            project = PROJECTS[jid]
            yield drop, project, sender, sender, posted, posted, f"Posted in {project}"


def main() -> None:
    """Scan the file named by the argument; the database is DATABASE_URL's."""
    lines = StringIO()
    for row in scan(Path(sys.argv[1])):
        lines.write("\t".join(row) + "\n")
    lines.seek(0)
    with closing(psycopg2.connect(os.environ["DATABASE_URL"])) as connection:
        with connection.cursor() as cursor:
            cursor.copy_from(lines, "qa_photo_reviews", columns=WRITTEN)
        connection.commit()


if __name__ == "__main__":
    main()
