"""How a batch becomes rows: the same steps on every store, inside its one transaction."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from monitor.bridge.position import Position
from monitor.bridge.reader import Cursor
from monitor.drops.decide import Decision, Knowledge, Outcome, decide
from monitor.drops.submissions import Malformed, Submission
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

    def know(self, submissions: Sequence[Submission]) -> Knowledge:
        """Return what the store knows about these submissions."""

    def add_to_ledger(self, instance: str, decisions: Sequence[Decision]) -> None:
        """Record the submissions as settled."""

    def add_rows(self, rows: Sequence[NewRow]) -> None:
        """Add rows to `qa_photo_reviews`."""

    def mark_resubmitted(self, comments: Mapping[str, str]) -> None:
        """Open these drops' rows again and append to their comments."""

    def add_malformed(self, malformed: Sequence[Malformed]) -> int:
        """Record near misses; return how many were not known."""

    def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        """Set messages aside, counting the attempts at each."""

    def remove_dead_letters(self, keys: Sequence[tuple[str, str]]) -> None:
        """Forget dead letters, by (group JID, message id)."""

    def save_progress(
        self, instance: str, position: Position, cursors: Mapping[str, Cursor]
    ) -> None:
        """Move the instance's position and the cursors of these groups.

        Raises StoreUnavailable if the place it moves from is not the one that was known.
        """


def settle(transaction: Transaction, instance: str, batch: Batch) -> Settled:
    """Write a batch; what the ledger knows already changes nothing."""
    decisions: list[Decision] = []
    if batch.submissions:
        decisions = decide(batch.submissions, transaction.know(batch.submissions))
    rows = [new_row(each.submission) for each in decisions if each.outcome is Outcome.NEW]
    comments = resubmission_comments(decisions)
    if decisions:
        transaction.add_to_ledger(instance, decisions)
    if rows:
        transaction.add_rows(rows)
    if comments:
        transaction.mark_resubmitted(comments)
    malformed = transaction.add_malformed(batch.malformed) if batch.malformed else 0
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
        malformed=malformed,
        dead_letters=len(batch.dead_letters),
    )
