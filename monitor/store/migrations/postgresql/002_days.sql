-- Messages a day (UTC) and group. A ledger cannot tell them, for most messages hold no drop;
-- drops and resubmissions a day are read from the ledger itself.
CREATE TABLE wa_monitor_days (
    day date NOT NULL,
    group_jid text NOT NULL,
    messages integer NOT NULL,
    PRIMARY KEY (day, group_jid)
);

-- Of a few pages whatever the ledger's size, and next to free to keep: history comes in order.
CREATE INDEX wa_monitor_ledger_posted_at ON wa_monitor_ledger USING brin (posted_at);
