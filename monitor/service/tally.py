"""What the running service counts of itself, for those who look on from other threads."""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from monitor.service.pace import Backlog
from monitor.store.records import Settled

BATCH_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds of the histogram of batches; one more bucket has no bound."""


class Tally:
    """Counts since the start of the process.

    Only the loop's thread writes; others read single values, which are never half written.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turned = clock()
        self.started_at = datetime.now(UTC)
        self.rows = 0
        """The bridge's rows read."""
        self.settled = Settled()
        """What its batches have settled."""
        self.let_in = Settled()
        """What had waited and was taken in by the loop beside its batches."""
        self.backlog: Backlog | None = None
        """What is left while it catches up."""
        self.batches = [0] * (len(BATCH_BUCKETS) + 1)
        self.batch_seconds = 0.0
        self.faults: Counter[str] = Counter()
        """Failed tries by what failed, `bridge` or `store`."""
        self.fault_since: dict[str, float] = {}
        """When the fault that lasts began, by what failed, on this tally's clock."""
        self.fault = ""
        """The fault that lasts, in words."""

    def turn(self) -> None:
        """Note that the loop turns."""
        self._turned = self._clock()

    @property
    def idle_seconds(self) -> float:
        """Seconds since the loop last turned."""
        return self._clock() - self._turned

    def fault_seconds(self, part: str) -> float:
        """Return for how long the loop has been waiting for `bridge` or `store`, 0 if it is not."""
        since = self.fault_since.get(part)
        return 0.0 if since is None else self._clock() - since

    def batch(self, seconds: float, rows: int, settled: Settled) -> None:
        """Note, after a batch that took `seconds`, what all batches have read and settled.

        A look at a bridge that had nothing new is no batch.
        """
        if (rows, settled) == (self.rows, self.settled):
            return
        self.batches[bisect_left(BATCH_BUCKETS, seconds)] += 1
        self.batch_seconds += seconds
        self.rows, self.settled = rows, settled

    def failed(self, part: str, fault: str) -> None:
        """Count a try that failed for the `bridge` or the `store`."""
        self.faults[part] += 1
        self.fault = fault
        self.fault_since = {part: self.fault_since.get(part, self._clock())}

    def worked(self) -> None:
        """Note that nothing is being waited for."""
        self.fault = ""
        self.fault_since = {}
