"""Whether a drop is one of its project's. Pure: the store brings what its lists hold."""

from collections.abc import Iterable, Set
from typing import NamedTuple

from monitor.drops.submissions import Submission


class Lists(NamedTuple):
    """What the lists of valid drops say about a batch.

    `listed` are the pairs of project and drop that were asked for and are there; `filled` are
    the projects whose list holds anything at all.
    """

    listed: Set[tuple[str, str]]
    filled: Set[str]

    def refuse(self, submission: Submission) -> bool:
        """Tell whether a drop is surely none of its project's.

        A list that is empty, or could not be read, refuses nothing: better a wrong drop taken
        in than a day's work turned away because somebody emptied a table.
        """
        return (
            submission.validate
            and submission.project in self.filled
            and _pair(submission) not in self.listed
        )

    def let_in(self, submission: Submission) -> bool:
        """Tell whether a drop that was refused before is surely one of its project's now."""
        return not submission.validate or _pair(submission) in self.listed

    def leave_unchecked(self, submission: Submission) -> bool:
        """Tell whether a drop ought to be checked and cannot be."""
        return submission.validate and submission.project not in self.filled


NO_LISTS = Lists(frozenset(), frozenset())
"""What is known when no list can be read."""


def to_be_checked(submissions: Iterable[Submission]) -> list[tuple[str, str]]:
    """Return the pairs of project and drop that a list must be asked for, each once."""
    return sorted({_pair(each) for each in submissions if each.validate})


def _pair(submission: Submission) -> tuple[str, str]:
    return submission.project, submission.drop_number
