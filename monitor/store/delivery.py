"""How a batch becomes rows: the same steps on every store, inside its one transaction."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from monitor.answers.compose import Answer
from monitor.bridge.position import Position
from monitor.bridge.reader import Cursor
from monitor.drops.decide import Decision, Knowledge, Outcome, decide, key_of
from monitor.drops.submissions import Malformed, Submission
from monitor.drops.validity import NO_LISTS, Lists, to_be_checked
from monitor.store.records import (
    Batch,
    DeadLetter,
    Presumption,
    Settled,
    resubmission_comments,
)

NAMES = {
    Outcome.NEW: "drops",
    Outcome.RESUBMISSION: "resubmissions",
    Outcome.EARLIER: "earlier",
    Outcome.INVALID: "invalid",
}
"""What each outcome is called in `Settled`."""


class Transaction(Protocol):
    """One open transaction of a store, in which no other monitor delivers."""

    def lists(self, pairs: Sequence[tuple[str, str]]) -> Lists:
        """Return what the lists of valid drops hold of these pairs of project and drop.

        A query that fails is logged and answered with NO_LISTS; the transaction goes on.
        """

    def know(self, submissions: Sequence[Submission]) -> Knowledge:
        """Return what the store knows about these submissions."""

    def add_decided(
        self, instance: str, decisions: Sequence[Decision], presumption: Presumption | None
    ) -> None:
        """Record the submissions as settled, and add a row to `qa_photo_reviews` for each new.

        `presumption`, if there is one, has proved right: the decisions are its own.
        """

    def mark_resubmitted(self, comments: Mapping[str, str]) -> None:
        """Open these drops' rows again and append to their comments."""

    def add_invalid(self, submissions: Sequence[Submission]) -> None:
        """Record submissions of drops that are not in their project's list."""

    def let_in(self, submissions: Sequence[Submission]) -> None:
        """Take refused submissions out of the ledger, to be added again as what they are now."""

    def queue_answers(self, answers: Sequence[Answer], now: datetime) -> int:
        """Put answers into the outbox; return how many were not in it."""

    def add_malformed(self, malformed: Sequence[Malformed]) -> list[Malformed]:
        """Record near misses; return those that were not known."""

    def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        """Set messages aside, counting the attempts at each."""

    def remove_dead_letters(self, keys: Sequence[tuple[str, str]]) -> None:
        """Forget dead letters, by their keys."""

    def save_progress(
        self, instance: str, position: Position, cursors: Mapping[str, Cursor]
    ) -> None:
        """Move the instance's position and the cursors of these groups.

        Raises StoreUnavailable if the place it moves from is not the one that was known.
        """


def settle(transaction: Transaction, instance: str, batch: Batch) -> Settled:
    """Write a batch; what the ledger knows already changes nothing."""
    decisions: list[Decision] = []
    waiting: list[Submission] = []
    lists = NO_LISTS
    if pairs := to_be_checked(batch.submissions):
        lists = transaction.lists(pairs)
    if batch.submissions:
        decisions, waiting = _settle_submissions(transaction, instance, batch, lists)
    invalid = [each for each, outcome in decisions if outcome is Outcome.INVALID] if pairs else []
    if invalid:
        transaction.add_invalid(invalid)
    malformed = transaction.add_malformed(batch.malformed) if batch.malformed else []
    answers = batch.answering.answers(invalid, malformed) if batch.answering else []
    queued = 0
    if batch.answering and answers:
        queued = transaction.queue_answers(answers, batch.answering.now)
    if batch.dead_letters:
        transaction.add_dead_letters(batch.dead_letters)
    if batch.replayed:
        transaction.remove_dead_letters(sorted(batch.replayed))
    if batch.position is not None:
        transaction.save_progress(instance, batch.position, batch.cursors)
    settled = _count(batch, decisions, malformed, waiting, lists if pairs else None)
    return settled._replace(answers=queued)


def _count(
    batch: Batch,
    decisions: Sequence[Decision],
    malformed: Sequence[Malformed],
    waiting: Sequence[Submission],
    lists: Lists | None,
) -> Settled:
    by_group: Counter[tuple[str, str]] = Counter()
    for outcome, name in NAMES.items():
        groups = Counter([found.group_jid for found, each in decisions if each is outcome])
        by_group.update({(group, name): number for group, number in groups.items()})
    by_group.update((each.group_jid, "malformed") for each in malformed)
    by_group.update((each.message.group_jid, "dead_letters") for each in batch.dead_letters)
    by_group.update((each.group_jid, "let_in") for each in waiting)
    if lists is not None:
        by_group.update(
            (found.group_jid, "unchecked" if lists.leave_unchecked(found) else "checked")
            for found, _ in decisions
            if found.validate
        )
    totals: Counter[str] = Counter()
    for (_, name), number in by_group.items():
        totals[name] += number
    return Settled(**totals, by_group=by_group)


def _settle_submissions(
    transaction: Transaction, instance: str, batch: Batch, lists: Lists
) -> tuple[list[Decision], list[Submission]]:
    """Decide and write; return the decisions, and the submissions that had waited for them."""
    knowledge = transaction.know(batch.submissions)
    presumption = None if any(knowledge) else batch.presumption
    if presumption is not None:
        decisions = presumption.decisions
    else:
        decisions = decide(batch.submissions, knowledge, lists)
    waiting = knowledge.waiting
    waited = [each for each, _ in decisions if key_of(each) in waiting] if waiting else []
    if waited:
        transaction.let_in(waited)
    if decisions:
        transaction.add_decided(instance, decisions, presumption)
    if comments := resubmission_comments(decisions):
        transaction.mark_resubmitted(comments)
    return decisions, waited
