"""From a message of the bridge to the submissions that it makes."""

import re
from datetime import datetime
from typing import NamedTuple

from monitor.answers.texts import is_own_answer
from monitor.bridge.message import Message
from monitor.bridge.timestamps import parse_timestamp
from monitor.drops.pattern import DropPattern
from monitor.settings.projects import Project

# PostgreSQL's text can hold neither.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# A custom expression may match a whole message; a key that long fits no index.
_DROP_LIMIT = 100


class Submission(NamedTuple):
    """A drop that somebody posted; the first three fields are its key.

    `project` is the project's name, `sender` a phone number or LID as the bridge
    wrote it, `posted_at` the moment of posting in UTC, `validate` whether the drop must
    be in the project's list.
    """

    drop_number: str
    message_id: str
    group_jid: str
    project: str
    sender: str
    posted_at: datetime
    validate: bool = False


class Malformed(NamedTuple):
    """A near miss of a drop; `text` is how it was posted, 40 characters at most."""

    text: str
    message_id: str
    group_jid: str
    project: str
    sender: str
    posted_at: datetime


class UnreadableMessage(ValueError):
    """A message that has drops or near misses, but cannot be kept; the text says why."""


def read_message(
    message: Message, project: Project, pattern: DropPattern
) -> tuple[list[Submission], list[Malformed]]:
    """Return the submissions and near misses that `message` makes in `project`.

    Both are empty for a message without any, by an ignored sender, posted before the
    project's `since`, or that is a monitor's own answer. Raises UnreadableMessage if the
    message has some, but its timestamp, id, group or drop cannot be read or stored.
    """
    _, message_id, group_jid, sender, content, timestamp, sent_as = message
    if sender in project.ignore_senders or sent_as in project.ignore_senders:
        return [], []
    drop = pattern.plain(content)
    if drop and message_id.isalnum() and sender.isdecimal() and group_jid == project.group_jid:
        # As nearly every message with a drop: nothing about this one calls for a closer look.
        posted_at = _posted_at(timestamp, project.since)
        if posted_at is None:
            return [], []
        name, validate = project.name, project.validate
        return [Submission(drop, message_id, group_jid, name, sender, posted_at, validate)], []
    return _read_closely(message, project, pattern)


def _read_closely(
    message: Message, project: Project, pattern: DropPattern
) -> tuple[list[Submission], list[Malformed]]:
    drops, malformed = pattern.find(message.content)
    if (not drops and not malformed) or is_own_answer(message.content):
        return [], []
    posted_at = _posted_at(message.timestamp, project.since)
    if posted_at is None:
        return [], []
    _check_key(message)
    for drop in drops:
        if len(drop) > _DROP_LIMIT:
            raise UnreadableMessage(
                f"the project's pattern took {len(drop)} characters for a drop; "
                f"expected at most {_DROP_LIMIT}"
            )
    sender = _UNSTORABLE.sub("", message.sender)
    common = (message.id, message.group_jid, project.name, sender, posted_at)
    return (
        [Submission(drop, *common, project.validate) for drop in drops],
        [Malformed(_UNSTORABLE.sub("", text), *common) for text in malformed],
    )


def _posted_at(timestamp: str, since: datetime | None) -> datetime | None:
    """Return when a message was posted, None if that is before the project's `since`."""
    try:
        posted_at = parse_timestamp(timestamp)
    except ValueError as error:
        raise UnreadableMessage(f"its time of posting: {error}") from None
    return None if since is not None and posted_at < since else posted_at


def _check_key(message: Message) -> None:
    for what, value in (("id", message.id), ("group", message.group_jid)):
        if not value:
            raise UnreadableMessage(f"its {what} is empty")
        if _UNSTORABLE.search(value):
            raise UnreadableMessage(f"its {what} has a character that no store can hold: {value!r}")
