"""When the service was started, over all its processes: a restart loop shows only there."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from monitor.service.notes import Notes

KEPT = 50
LOOP_WINDOW = timedelta(minutes=10)


class Starts(NamedTuple):
    """How often the service has been started, and the last times, oldest first."""

    total: int
    recent: tuple[datetime, ...]

    @property
    def restarts(self) -> int:
        """Starts but for the first."""
        return max(0, self.total - 1)

    def within(self, window: timedelta, now: datetime) -> int:
        """Return the number of starts in the time before `now`."""
        return sum(now - window <= each <= now for each in self.recent)


def read_starts(home: Path) -> Starts:
    """Return what is known of the starts of a home's service."""
    notes = Notes(home, "starts").read()
    recent: list[datetime] = []
    with suppress(ValueError, TypeError):
        recent = [datetime.fromisoformat(each) for each in notes.get("recent", ())]
    total = notes.get("total")
    return Starts(total if isinstance(total, int) else len(recent), tuple(recent))


def note_start(home: Path, now: datetime) -> Starts:
    """Add a start and return them all."""
    before = read_starts(home)
    starts = Starts(before.total + 1, (*before.recent, now)[-KEPT:])
    Notes(home, "starts").write({"total": starts.total, "recent": _texts(starts.recent)})
    return starts


def _texts(moments: Sequence[datetime]) -> list[str]:
    return [each.isoformat(timespec="seconds") for each in moments]
