"""What can be wrong with the bridge's file, in words for the operator."""

import sqlite3
from pathlib import Path


class BridgeUnavailable(Exception):
    """The bridge's file cannot be read now; reading it later may work.

    `reason` is one word for metrics and tests: missing, denied, locked,
    recovering, asleep, damaged, unfit or io.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def explain(error: sqlite3.Error, path: Path) -> BridgeUnavailable:
    """Turn what SQLite said about `path` into what an operator can act on.

    The codes of a reader without write permission were observed with SQLite 3.40
    and are described at https://sqlite.org/rescode.html.
    """
    code = getattr(error, "sqlite_errorcode", None) or 0
    primary = code & 0xFF
    if primary in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return _cannot_open(path)
    reason, words = _WORDS.get(code) or _WORDS.get(primary) or ("io", "could not be read")
    return BridgeUnavailable(reason, f"{path} {words} ({error})")


_WORDS = {
    sqlite3.SQLITE_BUSY: ("locked", "is locked by its writer; trying again"),
    sqlite3.SQLITE_LOCKED: ("locked", "is locked by its writer; trying again"),
    sqlite3.SQLITE_READONLY_ROLLBACK: (
        "recovering",
        "has the journal of a bridge that was killed; its messages can be read once the bridge"
        " has started again (start it)",
    ),
    sqlite3.SQLITE_READONLY: (
        "asleep",
        "is in WAL mode and its bridge is stopped; its messages can be read once the bridge runs"
        " (start it)",
    ),
    sqlite3.SQLITE_NOTADB: ("damaged", "is not a SQLite database; check WHATSAPP_DB_PATH"),
    sqlite3.SQLITE_CORRUPT: ("damaged", "is damaged; stop the bridge and check its file"),
    sqlite3.SQLITE_ERROR: ("unfit", "cannot be read as a bridge's file"),
}


def _cannot_open(path: Path) -> BridgeUnavailable:
    try:
        with path.open("rb"):
            pass
    except FileNotFoundError:
        return BridgeUnavailable(
            "missing", f"{path} does not exist; check WHATSAPP_DB_PATH and start the bridge"
        )
    except PermissionError:
        return BridgeUnavailable(
            "denied", f"{path} may not be read by this user; add it to the group of that folder"
        )
    except OSError as fault:
        return BridgeUnavailable("io", f"{path} could not be opened ({fault.strerror})")
    return BridgeUnavailable(
        "asleep",
        f"{path} could not be opened beside its -wal and -shm files; its bridge may be stopped "
        "(start it) or this user may not read these files",
    )
