-- The office's lists of valid drops, a project each; tables that exist are left as they are.
CREATE TABLE IF NOT EXISTS valid_drop_numbers (
    drop_number text NOT NULL,
    project text NOT NULL,
    PRIMARY KEY (project, drop_number)
);

CREATE TABLE IF NOT EXISTS invalid_drop_submissions (
    id integer PRIMARY KEY,
    drop_number text NOT NULL,
    project text,
    sender text,
    group_jid text,
    submitted_at text,
    reason text
);

-- Refused submissions stand in the ledger too and wait there for their number to be added.
CREATE INDEX wa_monitor_ledger_waiting ON wa_monitor_ledger (project, drop_number)
WHERE outcome = 'invalid';

-- The outbox: state is queued, sending, sent, rehearsed, unknown or expired. What is sending
-- or unknown may have reached the group and is never sent again.
CREATE TABLE wa_monitor_answers (
    group_jid text NOT NULL,
    message_id text NOT NULL,
    kind text NOT NULL,
    project text NOT NULL,
    recipient_jid text NOT NULL,
    answer text NOT NULL,
    per_minute integer NOT NULL,
    queued_at text NOT NULL,
    not_before text NOT NULL,
    expires_at text NOT NULL,
    state text NOT NULL DEFAULT 'queued',
    attempts integer NOT NULL DEFAULT 0,
    claimed_by text,
    claimed_at text,
    finished_at text,
    via text,
    error text,
    PRIMARY KEY (group_jid, message_id, kind)
);
CREATE INDEX wa_monitor_answers_open ON wa_monitor_answers (state)
WHERE state IN ('queued', 'sending');
CREATE INDEX wa_monitor_answers_recent ON wa_monitor_answers (group_jid, claimed_at);

-- Up to this row of its bridge an instance answers nothing: it was history when first read.
CREATE TABLE wa_monitor_answer_floors (
    instance text PRIMARY KEY,
    row_id integer NOT NULL
);
