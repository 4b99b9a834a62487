"""The lists of valid drops, and the submissions that wait for their drop to be in one."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from monitor.drops.submissions import Submission

LISTS_UNREADABLE = (
    "The lists of valid drops cannot be read: drops are taken in unchecked;"
    " see whether valid_drop_numbers(drop_number, project) is there and may be read"
)


class Added(NamedTuple):
    """What a list made of the drops that were to be added to it."""

    added: int
    left: int
    """Those that it held already."""


class DropLists(Protocol):
    """The store's lists of valid drops. Every method raises StoreUnavailable like the store's."""

    def add(self, project: str, drops: Iterable[Sequence[str]]) -> Added:
        """Add drops, which come in parts, to a project's list: all in one transaction or none."""

    def sizes(self) -> Mapping[str, int]:
        """Return how many drops each project's list holds; one without any may be missing."""

    def waiting(self, unchecked: Collection[str]) -> list[Submission]:
        """Return the refused submissions that can be taken in now, in order of posting.

        Their drop has been added to the list meanwhile, or their project is one of `unchecked`:
        those that no longer want a check.
        """


class Senders(Protocol):
    """The senders that the store knows. Every method raises StoreUnavailable like the store's."""

    def all(self) -> list[str]:
        """Return every sender, each once."""

    def rename(self, phones: Mapping[str, str]) -> int:
        """Put phone numbers in the place of linked-device ids; return how many rows changed.

        A row of `qa_photo_reviews` whose `user_name` a person has changed is left as it is.
        """
