-- Times are text in UTC, of fixed width, so that their order is the order of time;
-- truth values are 0 and 1.
CREATE TABLE IF NOT EXISTS qa_photo_reviews (
    id text PRIMARY KEY DEFAULT (lower(hex(randomblob(16)))),
    drop_number text UNIQUE NOT NULL,
    project text,
    user_name text,
    submitted_by text,
    review_date text,
    whatsapp_message_date text,
    step_01_house_photo integer NOT NULL DEFAULT 0,
    step_02_cable_from_pole integer NOT NULL DEFAULT 0,
    step_03_cable_entry_outside integer NOT NULL DEFAULT 0,
    step_04_cable_entry_inside integer NOT NULL DEFAULT 0,
    step_05_wall_for_installation integer NOT NULL DEFAULT 0,
    step_06_ont_back_after_install integer NOT NULL DEFAULT 0,
    step_07_power_meter_reading integer NOT NULL DEFAULT 0,
    step_08_ont_barcode integer NOT NULL DEFAULT 0,
    step_09_ups_serial integer NOT NULL DEFAULT 0,
    step_10_final_installation integer NOT NULL DEFAULT 0,
    step_11_green_lights integer NOT NULL DEFAULT 0,
    step_12_customer_signature integer NOT NULL DEFAULT 0,
    incorrect_steps text,
    incorrect_comments text,
    completed_photos integer NOT NULL DEFAULT 0,
    outstanding_photos integer NOT NULL DEFAULT 12,
    completed integer NOT NULL DEFAULT 0,
    incomplete integer NOT NULL DEFAULT 0,
    comment text,
    feedback_sent text,
    locked_by text,
    locked_at text,
    resubmitted integer NOT NULL DEFAULT 0,
    created_at text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    updated_at text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
);

-- Rows that another system wrote before this one came. Up to known_at their submissions are
-- that system's: reading them again must not look like a crew posting again.
CREATE TABLE wa_monitor_adopted_rows (
    drop_number text PRIMARY KEY,
    known_at text NOT NULL
);

-- One row a submission; its key is what makes every re-read harmless. The drop comes first in
-- the key so that the same index finds a drop's submissions.
CREATE TABLE wa_monitor_ledger (
    drop_number text NOT NULL,
    message_id text NOT NULL,
    group_jid text NOT NULL,
    project text NOT NULL,
    sender text NOT NULL,
    posted_at text NOT NULL,
    outcome text NOT NULL,
    instance text NOT NULL,
    settled_at text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    PRIMARY KEY (drop_number, message_id, group_jid)
);

CREATE TABLE wa_monitor_malformed (
    message_id text NOT NULL,
    group_jid text NOT NULL,
    malformed text NOT NULL,
    project text NOT NULL,
    sender text NOT NULL,
    posted_at text NOT NULL,
    PRIMARY KEY (message_id, group_jid, malformed)
);

-- Messages that could not be settled, whole, until a replay settles them.
CREATE TABLE wa_monitor_dead_letters (
    group_jid text NOT NULL,
    message_id text NOT NULL,
    message text NOT NULL,
    error text NOT NULL,
    attempts integer NOT NULL DEFAULT 1,
    failed_at text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    PRIMARY KEY (group_jid, message_id)
);

CREATE TABLE wa_monitor_positions (
    instance text PRIMARY KEY,
    bridge text NOT NULL,
    row_id integer NOT NULL,
    tail text NOT NULL,
    groups text NOT NULL,
    moved_at text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
);

CREATE TABLE wa_monitor_cursors (
    instance text NOT NULL,
    group_jid text NOT NULL,
    message_id text NOT NULL,
    row_id integer NOT NULL,
    posted_at text,
    PRIMARY KEY (instance, group_jid)
);

CREATE TABLE wa_monitor_instances (
    name text PRIMARY KEY,
    release text NOT NULL,
    started_at text NOT NULL,
    seen_at text NOT NULL,
    last_error text NOT NULL DEFAULT '',
    last_error_at text
);
