"""Locks for the length of a transaction that all monitors on one schema share."""

import hashlib
from typing import Literal

from psycopg2 import extensions


def lock(cursor: extensions.cursor, key: int) -> None:
    """Wait for the lock of this key; the transaction's end lets it go."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (key,))


def lock_key(cursor: extensions.cursor, what: Literal["delivery", "answers"] = "delivery") -> int:
    """Return one number per schema and purpose, the same on every host."""
    cursor.execute("SELECT current_schema()")
    row = cursor.fetchone()
    name = "wa-monitor" if what == "delivery" else f"wa-monitor {what}"
    digest = hashlib.sha256(f"{name} {row[0] if row else None}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
