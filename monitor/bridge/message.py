"""A message as the bridge keeps it."""

from typing import NamedTuple


class Message(NamedTuple):
    """One row of the bridge's table `messages`.

    `rowid` is the order of arrival and changes when a message is delivered again.
    `id` is a random token: its order means nothing. `timestamp` is the text that
    the bridge wrote, in whatever form and zone.
    """

    rowid: int
    id: str
    group_jid: str
    sender: str
    content: str
    timestamp: str
