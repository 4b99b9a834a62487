"""What goes into the store and comes out of it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NamedTuple

from monitor.answers.compose import Answering
from monitor.bridge.message import Message
from monitor.bridge.position import Position
from monitor.bridge.reader import Cursor
from monitor.drops.decide import Decision, Outcome
from monitor.drops.submissions import Malformed, Submission

USER_NAME_LENGTH = 100


def letter_key(message: Message) -> tuple[str, str]:
    """Return what a dead letter is kept under: its group's JID and its id.

    A message without an id is told from others of its kind by what it says and when.
    """
    if message.id:
        return message.group_jid, message.id
    said = f"{message.timestamp}\n{message.content}".encode(errors="surrogatepass")
    return message.group_jid, f"without id, {sha256(said).hexdigest()[:16]}"


class DeadLetter(NamedTuple):
    """A message that could not be settled: set aside whole, with what went wrong."""

    message: Message
    error: str


class StoredDeadLetter(NamedTuple):
    """A dead letter as the store holds it."""

    message: Message
    error: str
    attempts: int
    failed_at: datetime


class Presumption(NamedTuple):
    """What submissions come to if the store knows none of them, worked out before it is asked.

    `made` is what the store that presumes will write then, in its own form.
    """

    decisions: list[Decision]
    made: Any


@dataclass(frozen=True, slots=True)
class Batch:
    """What is committed together.

    `submissions` are in order of arrival. `position` is None when a batch moves no cursor,
    as in a replay or a repair; `replayed` are the keys of dead letters that this batch
    settles, see `letter_key`. `answering` is None when nothing may be answered;
    `presumption`, if there is one, is about these very submissions.
    """

    submissions: list[Submission]
    malformed: list[Malformed] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    cursors: Mapping[str, Cursor] = field(default_factory=dict)
    position: Position | None = None
    replayed: frozenset[tuple[str, str]] = frozenset()
    answering: Answering | None = None
    presumption: Presumption | None = None


class Settled(NamedTuple):
    """What a batch changed in the store, in numbers.

    `invalid` were not in their project's list, `let_in` had waited for that, `checked` could be
    looked up in it, `unchecked` were taken in because the list is empty or cannot be read,
    `answers` were queued. `by_group` has all but the answers by group JID and name.
    """

    drops: int = 0
    resubmissions: int = 0
    earlier: int = 0
    malformed: int = 0
    dead_letters: int = 0
    invalid: int = 0
    let_in: int = 0
    checked: int = 0
    unchecked: int = 0
    answers: int = 0
    by_group: Mapping[tuple[str, str], int] = MappingProxyType({})

    def plus(self, other: "Settled") -> "Settled":
        """Return the sum of both."""
        theirs = other.numbers()
        by_group = Counter(self.by_group)
        by_group.update(other.by_group)
        return Settled(
            **{name: number + theirs[name] for name, number in self.numbers().items()},
            by_group=by_group,
        )

    def numbers(self) -> dict[str, int]:
        """Return the sums over all groups, by name."""
        return dict(zip(self._fields[:-1], self[:-1], strict=True))


class Progress(NamedTuple):
    """How far an instance has come: None and empty before its first commit."""

    position: Position | None
    cursors: Mapping[str, Cursor]


class Counts(NamedTuple):
    """How much the store holds of a group, of this system's own records.

    `invalid` are the submissions that wait for their drop to be in its project's list.
    """

    drops: int = 0
    resubmissions: int = 0
    malformed: int = 0
    dead_letters: int = 0
    invalid: int = 0


class Instance(NamedTuple):
    """One monitor that writes to the store, as it last said."""

    name: str
    release: str
    started_at: datetime
    seen_at: datetime
    last_error: str
    last_error_at: datetime | None


class DayMessages(NamedTuple):
    """How many messages a group had on a day of UTC, as one bridge counted them."""

    day: date
    group_jid: str
    messages: int


class Day(NamedTuple):
    """A group's day of UTC: its messages, and the submissions posted on it by outcome."""

    day: date
    group_jid: str
    messages: int
    drops: int
    resubmissions: int


class DropRow(NamedTuple):
    """A row of `qa_photo_reviews`, as far as the monitor writes it."""

    drop_number: str
    project: str
    user_name: str
    posted_at: datetime | None
    resubmitted: bool
    comment: str


def first_comment(project: str, moment: str) -> str:
    """Return a new drop's comment; `moment` is its time of posting in ISO 8601, in UTC."""
    return f"Posted in {project} on {moment[:10]} {moment[11:19]} UTC"


def resubmission_comments(decisions: Iterable[Decision]) -> dict[str, str]:
    """Return, per resubmitted drop, the lines to append to its comment."""
    lines: dict[str, list[str]] = {}
    for submission, outcome in decisions:
        if outcome is Outcome.RESUBMISSION:
            line = f"Resubmitted in {submission.project} on {_second(submission.posted_at)}"
            lines.setdefault(submission.drop_number, []).append(line)
    return {drop: "\n".join(each) for drop, each in lines.items()}


def take_new(
    malformed: Iterable[Malformed], keys: Iterable[tuple[str, str, str]]
) -> list[Malformed]:
    """Return the near misses with these keys (message id, group JID, text)."""
    by_key = {(each.message_id, each.group_jid, each.text): each for each in malformed}
    return [by_key[key] for key in keys]


def not_listed(submission: Submission) -> str:
    """Return why a submission was refused, for `invalid_drop_submissions`."""
    return f"not in the list of valid drops of {submission.project}"


def taken_in(now: datetime) -> str:
    """Return what became of a refused submission once its drop was in the list."""
    return f"taken in on {_second(now)}, when the list had it"


def _second(moment: datetime) -> str:
    return f"{moment.isoformat(' ', 'seconds')[:19]} UTC"
