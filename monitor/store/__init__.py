"""Where drops are kept: one small protocol, on PostgreSQL or in an embedded SQLite file."""
