"""What each group has after its cursor, cheap to ask again and again."""

from datetime import datetime
from typing import NamedTuple

from monitor.bridge.chunks import chunks
from monitor.bridge.position import Mark
from monitor.bridge.reader import MARKS, BridgeReader, Cursor
from monitor.bridge.timestamps import parse_timestamp


class GroupLag(NamedTuple):
    """What a group has after its cursor: unread messages, and when the newest was posted."""

    unread: int
    newest: datetime | None


class _Clear(NamedTuple):
    """From `cursor` to the row `upto`, a group has nothing."""

    cursor: Cursor
    upto: Mark


class LagGauge:
    """Measures lag afresh from the bridge's file, but counts nothing twice.

    For a quiet group in a busy file, all that comes after its cursor is nearly the whole file.
    What has once been seen to hold no message of the group is not read again, as long as its
    last row still stands: a redelivered message comes after it, with a new rowid.
    """

    def __init__(self, reader: BridgeReader) -> None:
        self._reader = reader
        self._clear: dict[str, _Clear] = {}

    def lag(self, group_jid: str, cursor: Cursor | None, settled: int = 0) -> GroupLag:
        """Count a group's messages after `cursor`. Raises BridgeUnavailable.

        A cursor whose message is no longer where it was counts as none. `settled` is the rowid
        up to which the file as it is now is known to be settled: rows at its end may have been
        deleted, the cursor's message among them, without anything being left to read.
        """
        newest = self._reader.ask(f"{MARKS} ORDER BY rowid DESC LIMIT 1")
        if not newest:
            return GroupLag(0, None)
        last = Mark._make(newest[0])
        unread, newest_unread = 0, 0
        for after, upto in chunks(max(settled, self._after(group_jid, cursor)), last.rowid):
            found = self._reader.ask(
                "SELECT count(*), max(rowid) FROM messages"
                " WHERE rowid > ? AND rowid <= ? AND chat_jid = ?",
                (after, upto, group_jid),
            )
            unread += found[0][0]
            newest_unread = found[0][1] or newest_unread
        if unread:
            self._clear.pop(group_jid, None)
            return GroupLag(unread, self._posted_at(newest_unread))
        if cursor is not None:
            self._clear[group_jid] = _Clear(cursor, last)
        return GroupLag(0, None)

    def _after(self, group_jid: str, cursor: Cursor | None) -> int:
        """Return the rowid up to which the group has nothing unread."""
        if cursor is None:
            return 0
        if not self._stands(Mark(cursor.rowid, cursor.message_id, group_jid)):
            return 0
        clear = self._clear.get(group_jid)
        if clear is not None and clear.cursor == cursor and self._stands(clear.upto):
            return clear.upto.rowid
        return cursor.rowid

    def _stands(self, mark: Mark) -> bool:
        return self._reader.ask(f"{MARKS} WHERE rowid = ?", (mark.rowid,)) == [mark]

    def _posted_at(self, rowid: int) -> datetime | None:
        for (text,) in self._reader.ask("SELECT timestamp FROM messages WHERE rowid = ?", (rowid,)):
            try:
                return parse_timestamp(str(text))
            except ValueError:
                return None
        return None
