"""How long to wait before the next try of something that keeps failing."""

import random

FIRST_SECONDS = 0.1
CAP_SECONDS = 3.0


class Backoff:
    """Doubles from FIRST_SECONDS to CAP_SECONDS, each wait between half and all of that.

    The jitter keeps several monitors from asking a database that comes back all at once; the
    cap is what a person would wait for drops to appear after it is back.
    """

    def __init__(self) -> None:
        self._failures = 0

    def failed(self) -> float:
        """Count a failure and return the seconds to wait."""
        full = min(CAP_SECONDS, FIRST_SECONDS * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return full * random.uniform(0.5, 1.0)  # noqa: S311 -- jitter, not a secret

    def succeeded(self) -> None:
        """Start from the beginning at the next failure."""
        self._failures = 0
