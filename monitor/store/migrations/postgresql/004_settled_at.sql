-- A time that may differ from row to row has COPY add rows one by one; that of the statement
-- lets it fill whole pages, with less for the log as well.
ALTER TABLE wa_monitor_ledger ALTER COLUMN settled_at SET DEFAULT statement_timestamp();
