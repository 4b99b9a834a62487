"""Who a sender is: the bridge's whatsapp.db knows the phone number of a linked-device id."""

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from monitor.bridge.message import Message
from monitor.bridge.stamp import Stamp, bridge_files, stamp_of

FILE_NAME = "whatsapp.db"
LOCKED_SECONDS = 0.02
"""How long a file that its writer holds is waited for: the sender can be put right later."""


class SenderBook:
    """The phone numbers in the `whatsapp.db` at `path`, read only and as far as they are there.

    Nothing about this file is ever a fault: where it is missing, locked or of another make, or
    has no entry, a sender stays as the bridge wrote it. What was found is kept; what was not is
    looked for again once the file has changed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # A WAL's file changes in its log alone.
        self._files = bridge_files(path)
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._phones: dict[str, str] = {}
        self._missing: set[str] = set()
        self._missing_at: Stamp = ()

    def phones(self, senders: Iterable[str]) -> dict[str, str]:
        """Return the phone number of each of `senders` that is a LID with a known number.

        All are looked up, for a LID cannot be told from a phone number by its looks.
        """
        wanted = set(senders)
        unknown = wanted - self._phones.keys()
        if unknown:
            stamp = stamp_of(*self._files)
            if stamp != self._missing_at:
                self._missing, self._missing_at = set(), stamp
            unknown -= self._missing
        if unknown and self._missing_at[0]:
            found = self._look_up(unknown)
            if found is not None:
                self._phones |= found
                self._missing |= unknown - found.keys()
        return {each: self._phones[each] for each in wanted & self._phones.keys()}

    def name(self, messages: list[Message]) -> list[Message]:
        """Return messages with their senders named by phone number, as far as it is known."""
        phones = self.phones({each.sender for each in messages})
        if not phones:
            return messages
        return [
            each._replace(sender=phones.get(each.sender, each.sender), sent_as=each.sender)
            for each in messages
        ]

    def close(self) -> None:
        """Let go of the file; the next look opens it again."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._identity = None

    def _look_up(self, senders: set[str]) -> dict[str, str] | None:
        """Return what the file holds, or None if it could not be asked."""
        by_user: dict[str, list[str]] = {}
        for sender in senders:
            by_user.setdefault(_user(sender), []).append(sender)
        try:
            rows = (
                self._open()
                .execute(
                    "SELECT CAST(lid AS TEXT), CAST(pn AS TEXT) FROM whatsmeow_lid_map"
                    " WHERE lid IN (SELECT value FROM json_each(?))",
                    (json.dumps(list(by_user)),),
                )
                .fetchall()
            )
        except (sqlite3.Error, OSError, UnicodeError):
            self.close()
            return None
        return {
            sender: phone
            for lid, phone in rows
            if phone and phone.isascii() and phone.isdigit()
            for sender in by_user.get(lid, ())
        }

    def _open(self) -> sqlite3.Connection:
        stat = self._path.stat()
        identity = (stat.st_dev, stat.st_ino)
        if self._connection is not None and identity == self._identity:
            return self._connection
        self.close()
        self._connection = sqlite3.connect(
            f"file:{quote(str(self._path))}?mode=ro",
            uri=True,
            timeout=LOCKED_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        # One entry that is no text must not hide the others.
        self._connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        self._identity = identity
        return self._connection


def _user(sender: str) -> str:
    """Return the digits of `1234:5@lid`: some bridges keep the whole id."""
    return sender.partition("@")[0].partition(":")[0]
