-- Messages a day (UTC) and group. A ledger cannot tell them, for most messages hold no drop;
-- drops and resubmissions a day are read from the ledger itself.
CREATE TABLE wa_monitor_days (
    day text NOT NULL,
    group_jid text NOT NULL,
    messages integer NOT NULL,
    PRIMARY KEY (day, group_jid)
);
