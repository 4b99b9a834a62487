"""The groups that a bridge knows, so that nobody hunts for a JID."""

from collections import Counter
from typing import NamedTuple

from monitor.bridge.reader import BridgeReader

GROUP_ENDING = "@g.us"
STEP_ROWS = 16_384
"""Rows counted in one read transaction: a bridge with a rollback journal waits for it."""


class Chat(NamedTuple):
    """A group chat: its JID, its name (empty if the bridge has none) and its messages."""

    jid: str
    name: str
    messages: int


def group_chats(reader: BridgeReader) -> list[Chat]:
    """Return every group that the bridge knows or has messages of, the liveliest first.

    Raises BridgeUnavailable.
    """
    names: dict[str, str] = {}
    if reader.ask("PRAGMA table_info(chats)"):
        for jid, name in reader.ask(
            "SELECT CAST(jid AS TEXT), CAST(coalesce(name, '') AS TEXT) FROM chats"
        ):
            names[jid] = name
    counts: Counter[str] = Counter()
    last = reader.last_rowid()
    for after in range(0, last, STEP_ROWS):
        rows = reader.ask(
            "SELECT CAST(chat_jid AS TEXT), count(*) FROM messages WHERE rowid > ? AND rowid <= ?"
            " GROUP BY chat_jid",
            (after, after + STEP_ROWS),
        )
        counts.update({jid: count for jid, count in rows if jid})
    known = {*names, *counts}
    groups = [
        Chat(jid, names.get(jid, ""), counts[jid])
        for jid in known
        if jid and jid.endswith(GROUP_ENDING)
    ]
    return sorted(groups, key=lambda chat: (-chat.messages, chat.name, chat.jid))
