"""The numbers that are told per project: what was settled, the lists and the answers.

The values of the label `project` are the projects that are configured, each from the start with
its zero, and the groups that were watched before: no more than were ever configured.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from typing import get_args

from prometheus_client.core import Metric

from monitor.answer_status import STANDINGS, AnswerStatus
from monitor.list_status import ListStatus
from monitor.metrics.families import counter_by, gauge, gauge_by, gauge_by_all
from monitor.overview import Overview, project_name
from monitor.settings.answering import Mode
from monitor.store.records import Settled

SETTLED = {
    "drops": ("drops", "New drops settled."),
    "resubmissions": ("resubmissions", "Resubmissions settled."),
    "malformed": ("malformed", "Near misses recorded."),
    "invalid": ("invalid", "Submissions refused, for their drop is not in its list."),
    "let_in": ("let_in", "Refused submissions taken in, for the list has their drop now."),
    "checked": ("checked", "Submissions looked up in the list of valid drops."),
    "unchecked": ("unchecked", "Submissions taken in though no list could check them."),
    "dead_letters": ("messages_set_aside", "Messages made dead letters."),
}
"""What is counted of a settled batch: the metric's name and meaning."""

REPAIRS = ("drops", "resubmissions", "earlier", "dead_letters")
DAYS_AGO = {"today": 0, "yesterday": 1}


def of_settled(settled: Settled, repaired: Settled, names: Mapping[str, str]) -> Iterator[Metric]:
    """Yield counters of all that was settled, and of what of it audits had found missing."""
    for field, (name, text) in SETTLED.items():
        yield counter_by(name, text, "project", _by_project(settled, (field,), names))
    yield counter_by(
        "audit_repaired",
        "Submissions that audits took in.",
        "project",
        _by_project(repaired, REPAIRS, names),
    )


def _by_project(
    settled: Settled, fields: tuple[str, ...], names: Mapping[str, str]
) -> Mapping[str, float]:
    found: Counter[str] = Counter(dict.fromkeys(names.values(), 0))
    for (group, field), number in settled.by_group.items():
        if field in fields:
            found[project_name(names, group)] += number
    return dict(found)


def of_days(overview: Overview, today: date) -> Iterator[Metric]:
    """Yield what was posted today, so far, and yesterday, when that day is whole."""
    for what in ("messages", "drops", "resubmissions"):
        for word, ago in DAYS_AGO.items():
            found: Counter[str] = Counter(dict.fromkeys(overview.names.values(), 0))
            for day in overview.days:
                if (today - day.day).days == ago:
                    found[overview.project(day.group_jid)] += getattr(day, what)
            text = f"{what.capitalize()} posted {word} (UTC)."
            yield gauge_by(f"{word}_{what}", text, "project", dict(found))


def of_counts(overview: Overview) -> Iterator[Metric]:
    """Yield what the store holds that somebody should look at."""
    if overview.status.counts is None:
        return
    letters: Counter[str] = Counter(dict.fromkeys(overview.names.values(), 0))
    waiting: Counter[str] = Counter(dict.fromkeys(overview.names.values(), 0))
    for group, counts in overview.status.by_group.items():
        letters[overview.project(group)] += counts.dead_letters
        waiting[overview.project(group)] += counts.invalid
    yield gauge_by("dead_letters", "Messages set aside.", "project", dict(letters))
    yield gauge_by(
        "invalid_waiting",
        "Submissions refused that wait for their drop to be in its list.",
        "project",
        dict(waiting),
    )


def of_lists(lists: list[ListStatus]) -> Iterator[Metric]:
    """Yield how the lists of valid drops are doing, of the projects that check their drops."""
    if not lists:
        return
    yield gauge("lists_up", "1 if the lists could be read.", not any(each.error for each in lists))
    yield gauge_by(
        "list_drops",
        "Drops that a list of valid drops holds.",
        "project",
        {each.project: float(each.drops) for each in lists if each.drops is not None},
    )
    yield gauge_by(
        "list_unchecked",
        "1 while drops are taken in unchecked, for the list is empty or cannot be read.",
        "project",
        {each.project: float(each.unchecked > 0) for each in lists},
    )


def of_answers(answers: AnswerStatus, names: Mapping[str, str]) -> Iterator[Metric]:
    """Yield how the answers stand in the outbox, and whether any are sent."""
    yield gauge_by(
        "answers_mode",
        "1 for the mode in which answers are.",
        "mode",
        {mode: float(mode == answers.mode) for mode in get_args(Mode)},
    )
    nothing = dict.fromkeys(STANDINGS, 0)
    projects = {**dict.fromkeys(names.values(), nothing), **answers.projects}
    yield gauge_by_all(
        "answers",
        "Answers in the outbox by how they stand.",
        ("project", "state"),
        {
            (project, standing): float(number)
            for project, numbers in projects.items()
            for standing, number in numbers.items()
        },
    )
