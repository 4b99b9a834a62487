"""`qa_photo_reviews` and state.json as the old system left them."""

from contextlib import closing
from datetime import UTC, datetime

import psycopg2

from monitor.demo.groups import LAWLEY, MAMELODI, MOHADIN, VELO_TEST

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

TABLE = """
CREATE TABLE qa_photo_reviews (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    drop_number TEXT UNIQUE NOT NULL,
    project TEXT,
    user_name VARCHAR(100),
    submitted_by TEXT,
    review_date TIMESTAMPTZ,
    whatsapp_message_date TIMESTAMPTZ,
    step_01_house_photo BOOLEAN DEFAULT false,
    step_02_cable_from_pole BOOLEAN DEFAULT false,
    step_03_cable_entry_outside BOOLEAN DEFAULT false,
    step_04_cable_entry_inside BOOLEAN DEFAULT false,
    step_05_wall_for_installation BOOLEAN DEFAULT false,
    step_06_ont_back_after_install BOOLEAN DEFAULT false,
    step_07_power_meter_reading BOOLEAN DEFAULT false,
    step_08_ont_barcode BOOLEAN DEFAULT false,
    step_09_ups_serial BOOLEAN DEFAULT false,
    step_10_final_installation BOOLEAN DEFAULT false,
    step_11_green_lights BOOLEAN DEFAULT false,
    step_12_customer_signature BOOLEAN DEFAULT false,
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

OLDER_TABLE = (
    TABLE.replace("    submitted_by TEXT,\n", "")
    .replace(
        "    incorrect_steps",
        "    step_13_site_clean BOOLEAN DEFAULT false,\n"
        "    step_14_signed_form BOOLEAN DEFAULT false,\n"
        "    incorrect_steps",
    )
    .replace("review_date TIMESTAMPTZ", "review_date DATE")
    .replace("TIMESTAMPTZ", "TIMESTAMP")
    .replace("outstanding_photos INTEGER DEFAULT 12", "outstanding_photos INTEGER DEFAULT 14")
)
"""Before it had submitted_by: fourteen steps, and times without a zone."""

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
