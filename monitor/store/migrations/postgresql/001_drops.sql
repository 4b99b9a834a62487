-- The QA office's table, for those who have none; one that exists is left as it is.
CREATE TABLE IF NOT EXISTS qa_photo_reviews (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    drop_number text UNIQUE NOT NULL,
    project text,
    user_name varchar(100),
    submitted_by text,
    review_date timestamptz,
    whatsapp_message_date timestamptz,
    step_01_house_photo boolean NOT NULL DEFAULT false,
    step_02_cable_from_pole boolean NOT NULL DEFAULT false,
    step_03_cable_entry_outside boolean NOT NULL DEFAULT false,
    step_04_cable_entry_inside boolean NOT NULL DEFAULT false,
    step_05_wall_for_installation boolean NOT NULL DEFAULT false,
    step_06_ont_back_after_install boolean NOT NULL DEFAULT false,
    step_07_power_meter_reading boolean NOT NULL DEFAULT false,
    step_08_ont_barcode boolean NOT NULL DEFAULT false,
    step_09_ups_serial boolean NOT NULL DEFAULT false,
    step_10_final_installation boolean NOT NULL DEFAULT false,
    step_11_green_lights boolean NOT NULL DEFAULT false,
    step_12_customer_signature boolean NOT NULL DEFAULT false,
    incorrect_steps text[],
    incorrect_comments jsonb,
    completed_photos integer NOT NULL DEFAULT 0,
    outstanding_photos integer NOT NULL DEFAULT 12,
    completed boolean NOT NULL DEFAULT false,
    incomplete boolean NOT NULL DEFAULT false,
    comment text,
    feedback_sent timestamptz,
    locked_by text,
    locked_at timestamptz,
    resubmitted boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Rows that another system wrote before this one came. Up to known_at their submissions are
-- that system's: reading them again must not look like a crew posting again.
CREATE TABLE wa_monitor_adopted_rows (
    drop_number text PRIMARY KEY,
    known_at timestamptz NOT NULL
);
INSERT INTO wa_monitor_adopted_rows (drop_number, known_at)
SELECT drop_number,
       coalesce(greatest(whatsapp_message_date, created_at, updated_at), now())
FROM qa_photo_reviews
ON CONFLICT DO NOTHING;

-- One row a submission; its key is what makes every re-read harmless. The drop comes first in
-- the key so that the same index finds a drop's submissions.
CREATE TABLE wa_monitor_ledger (
    drop_number text NOT NULL,
    message_id text NOT NULL,
    group_jid text NOT NULL,
    project text NOT NULL,
    sender text NOT NULL,
    posted_at timestamptz NOT NULL,
    outcome text NOT NULL,
    instance text NOT NULL,
    settled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (drop_number, message_id, group_jid)
);

CREATE TABLE wa_monitor_malformed (
    message_id text NOT NULL,
    group_jid text NOT NULL,
    malformed text NOT NULL,
    project text NOT NULL,
    sender text NOT NULL,
    posted_at timestamptz NOT NULL,
    PRIMARY KEY (message_id, group_jid, malformed)
);

-- Messages that could not be settled, whole, until a replay settles them.
CREATE TABLE wa_monitor_dead_letters (
    group_jid text NOT NULL,
    message_id text NOT NULL,
    message json NOT NULL,
    error text NOT NULL,
    attempts integer NOT NULL DEFAULT 1,
    failed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (group_jid, message_id)
);

CREATE TABLE wa_monitor_positions (
    instance text PRIMARY KEY,
    bridge text NOT NULL,
    row_id bigint NOT NULL,
    tail json NOT NULL,
    groups json NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE wa_monitor_cursors (
    instance text NOT NULL,
    group_jid text NOT NULL,
    message_id text NOT NULL,
    row_id bigint NOT NULL,
    posted_at timestamptz,
    PRIMARY KEY (instance, group_jid)
);

CREATE TABLE wa_monitor_instances (
    name text PRIMARY KEY,
    release text NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    last_error text NOT NULL DEFAULT '',
    last_error_at timestamptz
);
