"""Trust, then check: what the bridge holds and the store lacks, whatever any cursor says."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from monitor.bridge.reader import BridgeReader
from monitor.drops.decide import Decision, Outcome, SubmissionKey, key_of
from monitor.drops.submissions import Submission
from monitor.service.intake import BATCH_READINGS, Projects, Reading
from monitor.service.settling import settle_readings
from monitor.service.upkeep import find_waiting, let_in
from monitor.store.protocol import Store
from monitor.store.records import Settled, letter_key

SETTLING_SECONDS = 2.0
"""What a running service needs at most for a message that has just come in."""


class Finding(NamedTuple):
    """A submission that the bridge holds and the store should have taken in."""

    reading: Reading
    decision: Decision


class Verdict(NamedTuple):
    """What an audit found.

    `submissions` counts those compared, `missed` lists those the store lacks, `unreadable` the
    messages with drops that cannot be read and have not been set aside. `waiting` were refused
    and can be taken in now, which is no fault of anybody.
    """

    submissions: int
    missed: tuple[Finding, ...]
    unreadable: tuple[Reading, ...]
    waiting: tuple[Submission, ...] = ()

    @property
    def good(self) -> bool:
        """Tell whether nothing is missing."""
        return not self.missed and not self.unreadable


def readings_since(
    reader: BridgeReader,
    projects: Projects,
    since: datetime | None,
    show: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[list[Reading]]:
    """Yield, in batches, what the bridge's messages posted since a time hold.

    The whole file is read, in order of arrival, for late history stands anywhere. `show` is
    told how many rows are done and how many there are.
    """
    batch: list[Reading] = []
    after, last = 0, reader.last_rowid()
    while after < last:
        messages, after = reader.since(after, last)
        batch += [each for each in projects.worth_keeping(messages) if _is_since(each, since)]
        show(after, last)
        if len(batch) >= BATCH_READINGS:
            yield batch
            batch = []
    yield batch


def audit(
    reader: BridgeReader,
    projects: Projects,
    store: Store,
    since: datetime | None,
    show: Callable[[int, int], None] = lambda done, total: None,
    settling_seconds: float = SETTLING_SECONDS,
) -> Verdict:
    """Compare the bridge with the store, changing neither.

    What seems to be missing is looked at again after `settling_seconds`: the service may just
    have been about to take it in. Raises BridgeUnavailable and StoreUnavailable.
    """
    compared = 0
    suspects: list[Reading] = []
    unreadable: list[Reading] = []
    for batch in readings_since(reader, projects, since, show):
        compared += sum(len(each.submissions) for each in batch)
        lacking = _lacking(store, batch)
        suspects += [
            each for each in batch if any(key_of(found) in lacking for found in each.submissions)
        ]
        unreadable += [each for each in batch if each.error]
    if suspects and settling_seconds:
        time.sleep(settling_seconds)
    lacking = _lacking(store, suspects)
    aside = {letter_key(each.message) for each in store.dead_letters()}
    waiting = tuple(find_waiting(store, projects))
    refused = {key_of(each) for each in waiting}
    missed = [
        Finding(each, lacking[key_of(found)])
        for each in suspects
        for found in each.submissions
        if key_of(found) in lacking.keys() - refused and letter_key(each.message) not in aside
    ]
    return Verdict(
        compared,
        tuple(missed),
        tuple(each for each in unreadable if letter_key(each.message) not in aside),
        waiting,
    )


def repair(store: Store, instance: str, verdict: Verdict) -> Settled:
    """Take in what an audit found missing or waiting; no cursor moves, nobody is answered.

    Raises StoreUnavailable.
    """
    readings = list({id(each.reading): each.reading for each in verdict.missed}.values())
    settled = settle_readings(store, instance, [*readings, *verdict.unreadable])
    return settled.plus(let_in(store, instance, verdict.waiting))


def _lacking(store: Store, readings: list[Reading]) -> dict[SubmissionKey, Decision]:
    submissions = [found for each in readings for found in each.submissions]
    if not submissions:
        return {}
    return {
        key_of(each.submission): each
        for each in store.compare(submissions)
        if each.outcome is not Outcome.EARLIER
    }


def _is_since(reading: Reading, since: datetime | None) -> bool:
    found = reading.submissions or reading.malformed
    return since is None or not found or found[0].posted_at >= since
