"""What every store can do."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from monitor.drops.decide import Decision
from monitor.drops.submissions import Submission
from monitor.store.lists import DropLists, Senders
from monitor.store.outbox import Outbox
from monitor.store.records import (
    Batch,
    Counts,
    Day,
    DayMessages,
    DropRow,
    Instance,
    Presumption,
    Progress,
    Settled,
    StoredDeadLetter,
)


class Store(Protocol):
    """A place for drops, the ledger, the cursors and what could not be settled.

    Every method raises StoreUnavailable when the store cannot be used now, and StoreUnfit when
    its tables are not fit; after either, the next call connects anew.
    """

    kind: str
    """`postgresql` or `sqlite`."""

    address: str
    """Where it is, with any password masked."""

    lists: DropLists
    senders: Senders
    outbox: Outbox

    def migrate(self) -> list[str]:
        """Bring the tables up to date; return the names of the migrations applied."""

    def faults(self) -> list[str]:
        """Return what keeps the store from being used, one sentence each; changes nothing."""

    def progress(self, instance: str) -> Progress:
        """Return how far `instance` has come."""

    def adopted(self) -> bool:
        """Tell whether another system's rows were there before this one's tables."""

    def presume(self, instance: str, submissions: Sequence[Submission]) -> Presumption | None:
        """Work out what submissions come to if none is known here; None if that is no use.

        Asks nothing of the store, so that another thread may do it while a batch is delivered.
        """

    def deliver(self, instance: str, batch: Batch) -> Settled:
        """Commit a batch in one transaction; raises BatchRefused if its data is the fault."""

    def compare(self, submissions: Sequence[Submission]) -> list[Decision]:
        """Say what delivering these would change, and change nothing."""

    def dead_letters(self) -> list[StoredDeadLetter]:
        """Return the messages set aside, oldest first."""

    def counts(self) -> Mapping[str, Counts]:
        """Count what the store holds, by group JID; a group without anything is missing."""

    def report(self, instance: Instance) -> None:
        """Record that an instance runs, and its last error."""

    def instances(self) -> list[Instance]:
        """Return every instance that ever reported, by name."""

    def latest_drops(self, limit: int) -> list[DropRow]:
        """Return the newest rows of `qa_photo_reviews`, newest first."""

    def add_days(self, days: Sequence[DayMessages]) -> None:
        """Take in counts of messages; of two counts of the same day the higher one stays.

        A bridge that has lost its history, or joined a group late, counts too few.
        """

    def days(self, since: date) -> list[Day]:
        """Return each group's days on which something came, from `since` on, oldest first."""

    def adopted_at(self) -> datetime | None:
        """Return when another system's rows were taken over, None if there were none."""

    def close(self) -> None:
        """Disconnect."""
