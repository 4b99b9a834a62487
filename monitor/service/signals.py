"""Signals that are heard, and a stop that is kept to, even while a library waits in vain."""

import logging
import os
import signal
import threading
from collections.abc import Callable

GRACE_SECONDS = 0.7
"""How long the batch at hand may take to finish once a stop is asked for."""

SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})

log = logging.getLogger(__name__)


class Signals:
    """Asks the loop to stop when SIGTERM or SIGINT comes, and ends the process if it cannot.

    Tells of each SIGHUP that comes before.

    A handler of Python's would have to wait for a library that is waiting itself: for a server
    that does not answer, for a row that somebody holds. What such a wait leaves undone is not
    lost: nothing counts that the store has not committed, and it is read again. Made in the
    main thread, before any other thread starts.

    `stop` is called once, `hang_up` for each SIGHUP, both in another thread.
    """

    def __init__(self, stop: Callable[[], None], hang_up: Callable[[], None]) -> None:
        self._stop = stop
        self._hang_up = hang_up
        self._done = threading.Event()
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        threading.Thread(target=self._listen, name="signals", daemon=True).start()

    def done(self) -> None:
        """Say that the loop has stopped by itself."""
        self._done.set()

    def _listen(self) -> None:
        while signal.sigwait(SIGNALS) == signal.SIGHUP:
            try:
                self._hang_up()
            except Exception:  # a stop must be heard whatever happens
                log.exception("Not reloaded")
        self._stop()
        if self._done.wait(GRACE_SECONDS):
            return
        log.warning("Stopped in the middle of a batch: the next start makes it again")
        logging.shutdown()
        os._exit(0)
