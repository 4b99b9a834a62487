"""How fast a backlog is being caught up, and how long that will take."""

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

WINDOW_SECONDS = 15.0
SAMPLE_SECONDS = 0.25


class Backlog(NamedTuple):
    """Rows of the bridge that are left to be read, and how many a second are: 0.0 if not known."""

    rows_left: int
    rows_per_second: float

    @property
    def seconds_left(self) -> float | None:
        """How long it will take at this pace, None if that is not known."""
        return self.rows_left / self.rows_per_second if self.rows_per_second else None

    def __str__(self) -> str:
        """Return it in words."""
        left = f"{self.rows_left:,} rows left"
        if self.seconds_left is None:
            return left
        minutes, seconds = divmod(round(self.seconds_left), 60)
        hours, minutes = divmod(minutes, 60)
        return (
            f"{left}, {self.rows_per_second:,.0f} a second, {hours}:{minutes:02}:{seconds:02} to go"
        )


NO_BACKLOG = Backlog(0, 0.0)


class Pace:
    """Measures over the last seconds, for a store may be quick now and slow later."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._samples: deque[tuple[float, int]] = deque()

    def note(self, rowid: int, last_rowid: int) -> Backlog:
        """Return what is left when rows up to `rowid` of `last_rowid` are settled."""
        now = self._clock()
        samples = self._samples
        if samples and rowid < samples[-1][1]:
            samples.clear()  # reading again from an earlier place
        while len(samples) > 1 and now - samples[0][0] > WINDOW_SECONDS:
            samples.popleft()
        if not samples or now - samples[-1][0] >= SAMPLE_SECONDS:
            samples.append((now, rowid))
        began, first = samples[0]
        seconds = now - began
        rate = (rowid - first) / seconds if seconds >= SAMPLE_SECONDS else 0.0
        return Backlog(last_rowid - rowid, rate)

    def forget(self) -> None:
        """Measure from the next rows on."""
        self._samples.clear()
