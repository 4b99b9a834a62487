"""What a submission means for its drop. Pure: the store brings what it knows."""

from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from monitor.drops.submissions import Submission


class Outcome(StrEnum):
    """What a submission was found to be."""

    NEW = "new"
    """The drop had no row."""
    RESUBMISSION = "resubmission"
    """The drop has a row and this was posted after all that the row knows."""
    EARLIER = "earlier"
    """The drop has a row that already knows of this time or a later one."""


class SubmissionKey(NamedTuple):
    """What makes a submission the same one: drop, message and group."""

    drop_number: str
    message_id: str
    group_jid: str


class Decision(NamedTuple):
    """One submission the ledger did not hold, and what it is."""

    submission: Submission
    outcome: Outcome


class Knowledge(NamedTuple):
    """What the store knows about a batch.

    `settled` are the submissions its ledger holds; `known_at` has every drop that has a row,
    with the time of posting up to which that row knows its submissions.
    """

    settled: Set[SubmissionKey]
    known_at: Mapping[str, datetime]


def key_of(submission: Submission) -> SubmissionKey:
    """Return the ledger's key of a submission."""
    return SubmissionKey._make(submission[:3])


def decide(submissions: Iterable[Submission], knowledge: Knowledge) -> list[Decision]:
    """Decide each submission in order of arrival; those already settled are left out."""
    seen: set[tuple[str, str, str]] = set(knowledge.settled)
    known_at = dict(knowledge.known_at)
    decisions: list[Decision] = []
    for submission in submissions:
        key = submission[:3]
        if key in seen:
            continue
        seen.add(key)
        known = known_at.get(submission.drop_number)
        if known is None:
            outcome = Outcome.NEW
        elif submission.posted_at > known:
            outcome = Outcome.RESUBMISSION
        else:
            outcome = Outcome.EARLIER
        if outcome is not Outcome.EARLIER:
            known_at[submission.drop_number] = submission.posted_at
        decisions.append(Decision(submission, outcome))
    return decisions
