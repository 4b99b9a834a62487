"""What a submission means for its drop. Pure: the store brings what it knows."""

from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from monitor.drops.submissions import Submission
from monitor.drops.validity import NO_LISTS, Lists


class Outcome(StrEnum):
    """What a submission was found to be."""

    NEW = "new"
    """The drop had no row."""
    RESUBMISSION = "resubmission"
    """The drop has a row and this was posted after all that the row knows."""
    EARLIER = "earlier"
    """The drop has a row that already knows of this time or a later one."""
    INVALID = "invalid"
    """The drop is not in its project's list; the submission waits until it is."""


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
    with the time of posting up to which that row knows its submissions; `waiting` are the
    submissions that its ledger holds as refused.
    """

    settled: Set[SubmissionKey]
    known_at: Mapping[str, datetime]
    waiting: Set[SubmissionKey] = frozenset()


NOTHING_KNOWN = Knowledge(frozenset(), {})
"""What an empty store knows."""


def key_of(submission: Submission) -> SubmissionKey:
    """Return the ledger's key of a submission."""
    return SubmissionKey._make(submission[:3])


def decide(
    submissions: Iterable[Submission], knowledge: Knowledge, lists: Lists = NO_LISTS
) -> list[Decision]:
    """Decide each submission in order of arrival; those already settled are left out.

    One that was refused before is decided anew only if it surely is valid now.
    """
    seen: set[tuple[str, str, str]] = set(knowledge.settled)
    waiting = knowledge.waiting
    known_at = dict(knowledge.known_at)
    new, resubmission, earlier = Outcome.NEW, Outcome.RESUBMISSION, Outcome.EARLIER
    decisions: list[Decision] = []
    for submission in submissions:
        drop, message, group, _, _, posted_at, validate = submission
        key = (drop, message, group)
        if key in seen:
            continue
        if waiting and key in waiting and not lists.let_in(submission):
            continue
        seen.add(key)
        if validate and lists.refuse(submission):
            decisions.append(Decision(submission, Outcome.INVALID))
            continue
        known = known_at.get(drop)
        if known is None:
            outcome = new
        elif posted_at > known:
            outcome = resubmission
        else:
            outcome = earlier
        if outcome is not earlier:
            known_at[drop] = posted_at
        decisions.append(Decision(submission, outcome))
    return decisions
