"""Drops that were taken in without a check, kept for those who look on and for the next process."""

import logging
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.logs import fields
from monitor.service.notes import Notes
from monitor.store.records import Settled

LINGER = timedelta(minutes=10)
"""A list that failed to answer may fail again with the next drop, whatever it holds."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unchecked:
    """How many drops of a group were taken in without a check since a check last worked.

    `since` is when the first of them was, `last_at` when the newest; both ISO 8601.
    """

    since: str
    last_at: str
    drops: int

    def holds(self, listed: int | None, now: datetime) -> bool:
        """Tell whether the next drop may go unchecked too.

        `listed` is how many drops the list holds, None if it cannot be read.
        """
        return not listed or now - datetime.fromisoformat(self.last_at) < LINGER


def read_unchecked(home: Path) -> Mapping[str, Unchecked]:
    """Return, by group JID, what the service of a home has taken in unchecked and not since."""
    found: dict[str, Unchecked] = {}
    for group, record in Notes(home, "unchecked").read().items():
        with suppress(TypeError, ValueError):
            entry = Unchecked(**record)
            datetime.fromisoformat(entry.since)
            datetime.fromisoformat(entry.last_at)
            found[group] = entry
    return found


class UncheckedBook:
    """Notes per group when drops begin, and when they cease, to be taken in without a check.

    Only the loop writes to it, and to the disk only when such a thing happens.
    """

    def __init__(self, home: Path) -> None:
        self._notes = Notes(home, "unchecked")
        self._held = dict(read_unchecked(home))

    def only(self, groups: Collection[str]) -> None:
        """Forget every group but these: those whose drops are to be checked."""
        held = {group: each for group, each in self._held.items() if group in groups}
        if held != self._held:
            self._held = held
            self._write()

    def note(self, settled: Settled, names: Mapping[str, str]) -> None:
        """Take in what a batch settled; `names` has each group's project."""
        if not (settled.unchecked or self._held):
            return
        before = dict(self._held)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for (group, name), number in settled.by_group.items():
            if name == "unchecked":
                old = self._held.get(group, Unchecked(now, now, 0))
                self._held[group] = replace(old, last_at=now, drops=old.drops + number)
            elif name == "checked" and (group, "unchecked") not in settled.by_group:
                self._held.pop(group, None)
        for group in self._held.keys() - before.keys():
            log.error(
                "Drops are taken in unchecked: the list of valid drops is empty or cannot be"
                " read; `wa-monitor drops import FILE --project NAME` fills it",
                extra=fields(project=names.get(group, group), count=self._held[group].drops),
            )
        for group in before.keys() - self._held.keys():
            log.info("Drops are checked again", extra=fields(project=names.get(group, group)))
        if self._held != before:
            self._write()

    def _write(self) -> None:
        self._notes.write({group: asdict(each) for group, each in self._held.items()})
