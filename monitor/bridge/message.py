"""A message as the bridge keeps it."""

from typing import NamedTuple


class Message(NamedTuple):
    """One row of the bridge's table `messages`.

    `rowid` is the order of arrival and changes when a message is delivered again.
    `id` is a random token: its order means nothing. `timestamp` is the text that
    the bridge wrote, in whatever form and zone. `sender` is a phone number where that is known;
    `sent_as` is then the linked-device id that the bridge wrote, else empty.
    """

    rowid: int
    id: str
    group_jid: str
    sender: str
    content: str
    timestamp: str
    sent_as: str = ""
