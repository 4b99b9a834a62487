"""Counts the bridge's messages now and then: for the days, and to know its habits."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from threading import Event

from monitor.bridge.faults import BridgeUnavailable
from monitor.bridge.reader import BridgeReader
from monitor.bridge.silence import recent
from monitor.bridge.stamp import bridge_files, stamp_of
from monitor.bridge.survey import Survey, survey
from monitor.logs import fields
from monitor.service.intake import Projects
from monitor.settings.environment import Environment
from monitor.store.faults import BatchRefused, StoreUnavailable
from monitor.store.protocol import Store
from monitor.store.records import DayMessages

LEAST_SECONDS = 60.0
PAUSE_FACTOR = 2_000
"""A survey reads the whole file. The pause after it is this much longer than it took, so that
surveys cost a twentieth of a percent of a core at most, whatever the size of the file."""

LOOK_SECONDS = 15.0
STORE_AGAIN_SECONDS = 3.0

log = logging.getLogger(__name__)


class Surveyor:
    """Surveys the bridge when it has changed, and takes the days' counts to the store.

    `stored` is called when the store has got new ones.
    """

    def __init__(
        self,
        environment: Environment,
        projects: Projects,
        open_store: Callable[[], Store],
        stored: Callable[[], None],
    ) -> None:
        self._stored_news = stored
        self._environment = environment
        self._open_store = open_store
        self._stop = Event()
        self._counted: Counter[tuple[date, str]] = Counter()
        self._stored: Counter[tuple[date, str]] = Counter()
        self.survey: Survey | None = None
        """The last survey, None before the first."""
        self.use(projects)

    def use(self, projects: Projects) -> None:
        """Count these projects' groups from the next survey on."""
        self._reader = BridgeReader(self._environment.bridge_path, projects.prefilters)
        self._seen: object = None
        self._rested = 0.0

    def stop(self) -> None:
        """Survey no more."""
        self._stop.set()

    def run(self) -> None:
        """Survey until stopped."""
        pause = 0.0
        while not self._stop.wait(pause):
            try:
                pause = LOOK_SECONDS
                seconds = self._survey()
                if seconds is not None:
                    self._rested = time.monotonic() + max(LEAST_SECONDS, PAUSE_FACTOR * seconds)
                self._store_days()
            except BridgeUnavailable:
                continue  # the loop says so, and looks again
            except (StoreUnavailable, BatchRefused) as error:
                log.debug("Days not stored: trying again", extra=fields(fault=error))
                pause = STORE_AGAIN_SECONDS

    def _survey(self) -> float | None:
        """Survey if anything has changed; return the seconds of a core that it took."""
        reader = self._reader
        seen = (reader, stamp_of(*bridge_files(reader.path)))
        if seen == self._seen or time.monotonic() < self._rested:
            return None
        began = time.thread_time()
        found = survey(reader)
        reader.close()
        self._counted = found.days
        self.survey = found._replace(quarters=recent(found.quarters))
        self._seen = seen
        return time.thread_time() - began

    def _store_days(self) -> None:
        news = [
            DayMessages(day, group, number)
            for (day, group), number in sorted(self._counted.items())
            if number > self._stored[day, group]
        ]
        if not news:
            return
        store = self._open_store()
        try:
            store.add_days(news)
        finally:
            store.close()
        self._stored |= self._counted
        self._stored_news()
