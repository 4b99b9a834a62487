"""Whether a database's `qa_photo_reviews` can take the monitor's rows."""

from psycopg2 import extensions

WRITTEN = (
    "drop_number", "project", "user_name", "review_date", "whatsapp_message_date", "comment",
    "resubmitted", "incomplete", "feedback_sent", "created_at", "updated_at",
)  # fmt: skip
"""Columns without which the monitor cannot do its work."""

WRITTEN_IF_THERE = ("submitted_by",)


LISTS = {
    "valid_drop_numbers": ("drop_number", "project"),
    "invalid_drop_submissions": (
        *("drop_number", "project", "sender", "group_jid", "submitted_at", "reason"),
    ),
}
"""Tables that an older system may have left, with the columns that are used."""


def columns_of(cursor: extensions.cursor, table: str) -> frozenset[str]:
    """Return a table's columns as the connection's search path finds it; empty without one."""
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s)"
        " AND attnum > 0 AND NOT attisdropped",
        (table,),
    )
    return frozenset(row[0] for row in cursor.fetchall())


def fitness_faults(cursor: extensions.cursor) -> list[str]:
    """Return what is wrong with `qa_photo_reviews`; a table that is not there yet is fine."""
    columns = columns_of(cursor, "qa_photo_reviews")
    if not columns:
        return []
    faults = [
        f"qa_photo_reviews has no column {name}, which the monitor needs"
        for name in WRITTEN
        if name not in columns
    ]
    if "drop_number" in columns and not _unique(cursor):
        faults.append("qa_photo_reviews has no unique index on drop_number alone: add one")
    for name in _unfillable(cursor):
        faults.append(
            f"qa_photo_reviews.{name} is NOT NULL and has no default, and the monitor does not"
            " fill it: give it a default"
        )
    return faults


def list_faults(cursor: extensions.cursor) -> list[str]:
    """Return what is wrong with another system's lists of valid and invalid drops."""
    return [
        f"{table} has no column {name}, which the monitor needs"
        for table, needed in LISTS.items()
        if (columns := columns_of(cursor, table))
        for name in needed
        if name not in columns
    ]


def _unique(cursor: extensions.cursor) -> bool:
    cursor.execute(
        "SELECT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a"
        " ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
        " WHERE i.indrelid = to_regclass('qa_photo_reviews') AND i.indisunique AND i.indisvalid"
        " AND i.indpred IS NULL AND i.indnkeyatts = 1 AND a.attname = 'drop_number')"
    )
    row = cursor.fetchone()
    return bool(row and row[0])


def _unfillable(cursor: extensions.cursor) -> list[str]:
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass('qa_photo_reviews')"
        " AND attnum > 0 AND NOT attisdropped AND attnotnull AND NOT atthasdef"
        " AND attidentity = '' AND attname <> ALL(%s) ORDER BY attnum",
        ([*WRITTEN, *WRITTEN_IF_THERE],),
    )
    return [row[0] for row in cursor.fetchall()]
