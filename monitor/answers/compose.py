"""From what a batch turned out to be to the answers that it calls for. Pure."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from monitor.answers.texts import Answers, Kind
from monitor.drops.submissions import Malformed, Submission

_LONGEST_PHONE = 13
"""Digits: real phone numbers have no more, and linked-device ids have 14 or more."""


class Answer(NamedTuple):
    """An answer to one message; (group, message, kind) is its key.

    `recipient_jid` is who is mentioned, `expires_at` from when on it is not sent any more.
    """

    group_jid: str
    message_id: str
    kind: Kind
    project: str
    recipient_jid: str
    text: str
    per_minute: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Answering:
    """What a batch of the live path may answer.

    `by_group` has how each group is answered; `live` are the messages, by (group JID, message
    id), that have just come in for the first time; `now` is when.
    """

    by_group: Mapping[str, Answers]
    live: Set[tuple[str, str]]
    now: datetime

    def answers(
        self, invalid: Iterable[Submission], malformed: Iterable[Malformed]
    ) -> list[Answer]:
        """Return the answers to refused submissions and new near misses, one a message and kind."""
        by_message: dict[tuple[str, str, Kind], list[Submission | Malformed]] = {}
        for submission in invalid:
            key = (submission.group_jid, submission.message_id)
            by_message.setdefault((*key, "invalid"), []).append(submission)
        for near_miss in malformed:
            key = (near_miss.group_jid, near_miss.message_id)
            by_message.setdefault((*key, "malformed"), []).append(near_miss)
        found = (self._answer(kind, each) for (_, _, kind), each in by_message.items())
        return [answer for answer in found if answer is not None]

    def _answer(self, kind: Kind, found: list[Submission | Malformed]) -> Answer | None:
        first = found[0]
        how = self.by_group.get(first.group_jid)
        if how is None or (first.group_jid, first.message_id) not in self.live:
            return None
        # A clock that is behind WhatsApp's must not make an answer live for long.
        expires_at = min(first.posted_at, self.now) + timedelta(seconds=how.expires_after)
        if expires_at <= self.now:
            return None
        drops = dict.fromkeys(
            each.drop_number if isinstance(each, Submission) else each.text for each in found
        )
        digits = "".join(c for c in first.sender.partition("@")[0] if c.isascii() and c.isdigit())
        text = how.text(kind, f"@{digits}", ", ".join(drops), first.project)
        if text is None:
            return None
        return Answer(
            first.group_jid,
            first.message_id,
            kind,
            first.project,
            _jid(digits),
            text,
            how.per_minute,
            expires_at,
        )


def _jid(digits: str) -> str:
    return f"{digits}@{'s.whatsapp.net' if len(digits) <= _LONGEST_PHONE else 'lid'}"
