"""Looks at bridge, store and service from beside the loop, as seldom as will do."""

import logging
import time
from contextlib import suppress
from datetime import datetime
from threading import Condition
from typing import NamedTuple

from monitor.bridge.faults import BridgeUnavailable
from monitor.bridge.lag import LagGauge
from monitor.bridge.reader import BridgeReader
from monitor.bridge.stamp import Stamp, bridge_files, stamp_of
from monitor.bridge.survey import newest_at
from monitor.overview import Overview, look_over
from monitor.service.intake import Projects
from monitor.settings.environment import Environment
from monitor.status import gather
from monitor.store.protocol import Store

EVERY_SECONDS = 30.0
"""Between two looks while something happens."""

IDLE_SECONDS = 600.0
"""Between two looks while the bridge's file stays as it is: a store may sleep."""

DAYS = 90

log = logging.getLogger(__name__)


class Look(NamedTuple):
    """What was seen: when the look began (monotonic), and the newest message's time."""

    began: float
    overview: Overview
    newest: datetime | None


class Looker:
    """Keeps the last look, takes one now and then by itself, and another when asked for it.

    One thread runs `run`; any may ask. The reader and the store are its own, so that what the
    loop holds, believes or waits for is not what is looked at.
    """

    def __init__(self, environment: Environment, projects: Projects, store: Store) -> None:
        self._environment = environment
        self._projects = projects
        self._store = store
        self._condition = Condition()
        self._stopping = False
        self._wanted = False
        self._last: Look | None = None
        self._began: float | None = None
        self._ended = 0.0
        self._stamp: Stamp = ()
        self.use(projects)

    def use(self, projects: Projects) -> None:
        """Look at these projects from the next time on."""
        reader = BridgeReader(self._environment.bridge_path, projects.prefilters)
        self._sight = (projects, reader, LagGauge(reader))

    def stop(self) -> None:
        """Look no more."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()

    def look_soon(self) -> None:
        """Take a look without waiting for it."""
        with self._condition:
            self._wanted = True
            self._condition.notify_all()

    @property
    def last(self) -> Look | None:
        """The last look, None before the first."""
        return self._last

    @property
    def looking_seconds(self) -> float:
        """For how long the look at hand has been under way: a store that hangs shows here."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began

    def look(self, max_age: float, patience: float) -> Look | None:
        """Return a look that is at most `max_age` seconds old, None if none comes in time.

        `patience` is how long to wait, in seconds.
        """
        oldest = time.monotonic() - max_age

        def fresh() -> bool:
            return self._stopping or (self._last is not None and self._last.began >= oldest)

        with self._condition:
            if not fresh():
                self._wanted = True
                self._condition.notify_all()
                if not self._condition.wait_for(fresh, patience):
                    return None
            return self._last

    def run(self) -> None:
        """Look until stopped."""
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._wanted or self._stopping, EVERY_SECONDS)
                if self._stopping:
                    return
                wanted, self._wanted = self._wanted, False
            if wanted or self._due():
                self._look()

    def _due(self) -> bool:
        """Tell whether anything may have changed since the last look, without asking the store."""
        last = self._last
        if last is None or time.monotonic() - last.began > IDLE_SECONDS:
            return True
        status = last.overview.status
        if not (status.ready and status.state["ok"]) or any(
            group.lag_messages for group in status.groups
        ):
            return True
        return self._files() != self._stamp

    def _look(self) -> None:
        projects, reader, gauge = self._sight
        began = self._began = time.monotonic()
        stamp = self._files()
        try:
            status = gather(self._environment, projects, self._store, reader, gauge)
            overview = look_over(self._environment, projects, self._store, status, DAYS)
            newest = self._last.newest if self._last else None
            with suppress(BridgeUnavailable):
                newest = newest_at(reader, newest)
        finally:
            self._began = None
        with self._condition:
            self._stamp = stamp
            self._last = Look(began, overview, newest)
            self._condition.notify_all()

    def _files(self) -> Stamp:
        environment = self._environment
        return stamp_of(*bridge_files(environment.bridge_path), environment.state_path)
