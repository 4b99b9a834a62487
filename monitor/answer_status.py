"""How the answers are doing: what stands in the outbox, and whether any are sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from monitor.service.lock import ServiceSeen
from monitor.settings.answering import Mode
from monitor.settings.environment import Environment
from monitor.store.outbox import AnswerCount, Standing

STANDINGS: tuple[str, ...] = get_args(Standing)
TROUBLES = ("unknown", "failed")
"""What an answer must not come to."""


@dataclass(frozen=True)
class AnswerStatus:
    """How many answers stand in which way.

    `mode` is the running service's, or that of the settings if none runs. `numbers` are all, by
    standing, `recent` those that came to one of TROUBLES in the last hour, `projects` all by
    project and standing.
    """

    mode: Mode
    numbers: Mapping[str, int]
    recent: Mapping[str, int]
    projects: Mapping[str, Mapping[str, int]]


def sum_up(mode: Mode, counts: Sequence[AnswerCount]) -> AnswerStatus:
    """Return the status that the outbox's counts make."""
    numbers = dict.fromkeys(STANDINGS, 0)
    recent = dict.fromkeys(TROUBLES, 0)
    projects: dict[str, dict[str, int]] = {}
    for each in counts:
        project = projects.setdefault(each.project, dict.fromkeys(STANDINGS, 0))
        project[each.standing] += each.number
        numbers[each.standing] += each.number
        if each.standing in recent:
            recent[each.standing] += each.recent
    return AnswerStatus(mode, numbers, recent, projects)


def mode_of(environment: Environment, seen: ServiceSeen) -> Mode:
    """Return whether answers are sent: what the running service says, or else the settings."""
    return seen.report.answers if seen.running and seen.report else environment.answering.mode


def in_words(status: AnswerStatus) -> str:
    """Return a line for an operator."""
    some = [f"{number:,} {each}" for each, number in status.numbers.items() if number]
    return f"answers are {status.mode}; {', '.join(some) or 'none queued yet'}"
