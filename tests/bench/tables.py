"""The QA table, as the office's database has it, for what is measured beside the monitor."""

from contextlib import closing

import psycopg2

STEPS = ", ".join(f"step_{number:02d} BOOLEAN DEFAULT false" for number in range(1, 13))
QA_PHOTO_REVIEWS = f"""
CREATE TABLE qa_photo_reviews (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    drop_number TEXT UNIQUE NOT NULL,
    project TEXT,
    user_name VARCHAR(100),
    submitted_by TEXT,
    review_date TIMESTAMPTZ,
    whatsapp_message_date TIMESTAMPTZ,
    {STEPS},
    incorrect_steps TEXT[],
    incorrect_comments JSONB,
    completed_photos INTEGER DEFAULT 0,
    outstanding_photos INTEGER DEFAULT 12,
    completed BOOLEAN DEFAULT false,
    incomplete BOOLEAN DEFAULT false,
    comment TEXT,
    feedback_sent TIMESTAMPTZ,
    locked_by TEXT,
    locked_at TIMESTAMPTZ,
    resubmitted BOOLEAN DEFAULT false,
    created_at TIMESTAMPTZ DEFAULT now(),
    updated_at TIMESTAMPTZ DEFAULT now()
)
"""
WRITTEN = (
    *("drop_number", "project", "user_name", "submitted_by"),
    *("review_date", "whatsapp_message_date", "comment"),
)
"""The columns that a new drop fills."""


def create_table(database_url: str) -> None:
    """Create the empty QA table."""
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(QA_PHOTO_REVIEWS)
        connection.commit()


def count_rows(database_url: str) -> int:
    """Return how many rows the QA table has."""
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM qa_photo_reviews")
        row = cursor.fetchone()
        assert row is not None
        return int(row[0])
