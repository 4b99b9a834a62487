"""How a batch becomes rows: the same steps on every store, inside its one transaction."""

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
    NewRow,
    Settled,
    new_row,
    resubmission_comments,
)


class Transaction(Protocol):
    """One open transaction of a store, in which no other monitor delivers."""

    def lists(self, pairs: Sequence[tuple[str, str]]) -> Lists:
        """Return what the lists of valid drops hold of these pairs of project and drop.

        A query that fails is logged and answered with NO_LISTS; the transaction goes on.
        """

    def know(self, submissions: Sequence[Submission]) -> Knowledge:
        """Return what the store knows about these submissions."""

    def add_to_ledger(self, instance: str, decisions: Sequence[Decision]) -> None:
        """Record the submissions as settled."""

    def add_rows(self, rows: Sequence[NewRow]) -> None:
        """Add rows to `qa_photo_reviews`."""

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
        knowledge = transaction.know(batch.submissions)
        decisions = decide(batch.submissions, knowledge, lists)
        waiting = [s for s, _ in decisions if key_of(s) in knowledge.waiting]
    if waiting:
        transaction.let_in(waiting)
    invalid = [each.submission for each in decisions if each.outcome is Outcome.INVALID]
    rows = [new_row(each.submission) for each in decisions if each.outcome is Outcome.NEW]
    comments = resubmission_comments(decisions)
    if decisions:
        transaction.add_to_ledger(instance, decisions)
    if rows:
        transaction.add_rows(rows)
    if comments:
        transaction.mark_resubmitted(comments)
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
    outcomes = [each.outcome for each in decisions]
    return Settled(
        drops=len(rows),
        resubmissions=outcomes.count(Outcome.RESUBMISSION),
        earlier=outcomes.count(Outcome.EARLIER),
        malformed=len(malformed),
        dead_letters=len(batch.dead_letters),
        invalid=len(invalid),
        let_in=len(waiting),
        unchecked=sum(lists.leave_unchecked(each.submission) for each in decisions),
        answers=queued,
    )
