"""Those who watch the service from beside its loop, each in a thread of its own."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from monitor.alerts.conditions import Facts
from monitor.alerts.warden import Warden
from monitor.bridge.silence import Silence, judge_silence
from monitor.logs import fields
from monitor.service.audit_schedule import AuditSchedule, read_audit
from monitor.service.intake import Projects
from monitor.service.looker import Looker
from monitor.service.starts import note_start, read_starts
from monitor.service.state_keeper import StateKeeper
from monitor.service.surveyor import Surveyor
from monitor.service.tally import Tally
from monitor.settings.environment import Environment
from monitor.status import Status
from monitor.store.protocol import Store

REVIVE_SECONDS = 30.0

log = logging.getLogger(__name__)


class Attendants:
    """The looker, the surveyor, the audits, the alerts and HTTP.

    None of them touches what the loop uses; one that fails is started again, and the loop does
    not hear of it.
    """

    def __init__(
        self,
        environment: Environment,
        projects: Projects,
        open_store: Callable[[str], Store],
        state: StateKeeper,
        tally: Tally,
    ) -> None:
        self._environment = environment
        self.state = state
        self.tally = tally
        self.names = projects.names
        """Each watched group's project."""
        self.looker = Looker(environment, projects, open_store("/look"))
        self.surveyor = Surveyor(
            environment, projects, lambda: open_store("/survey"), self.looker.look_soon
        )
        self.audits = AuditSchedule(environment, projects, lambda: open_store("/audit"))
        self.warden = Warden(environment, self.facts)
        self._stopping = False
        self._since: dict[str, datetime] = {}

    def start(self) -> None:
        """Note the start of the service and start every thread."""
        note_start(self._environment.home, self.tally.started_at)
        works: list[tuple[str, Callable[[], None]]] = [
            ("looker", self.looker.run),
            ("surveyor", self.surveyor.run),
            ("warden", self.warden.run),
        ]
        watching = self._environment.watching
        if watching.audit_interval:
            works.append(("audits", self.audits.run))
        if watching.alert_urls:
            works.append(("courier", self.warden.courier.run))
        if watching.http_port:
            works.append(("http", self._serve))
        self._stopped = threading.Event()
        for name, work in works:
            threading.Thread(target=self._attend, args=(name, work), name=name, daemon=True).start()

    def use(self, projects: Projects) -> None:
        """Watch these projects from now on."""
        self.names = projects.names
        self.looker.use(projects)
        self.surveyor.use(projects)
        self.audits.use(projects)

    def stop(self) -> None:
        """Let them end; nobody waits for one that is busy."""
        self._stopped.set()
        for each in (self.looker, self.surveyor, self.audits, self.warden):
            each.stop()

    def silence(self) -> Silence | None:
        """Judge the bridge's silence, None before the first survey."""
        found, look = self.surveyor.survey, self.looker.last
        if found is None or look is None:
            return None
        least = self._environment.watching.alert_silence
        return judge_silence(datetime.now(UTC), look.newest, found.quarters, least)

    def facts(self) -> Facts:
        """Return what the alerts are about, as it is known now."""
        now = datetime.now(UTC)
        tally, look = self.tally, self.looker.last
        status = look.overview.status if look else None
        store_error = (status.store["error"] if status else None) or ""
        bridge_error = (status.bridge["error"] if status else None) or ""
        counts = status.counts if status else None
        corruptions = self.state.corruptions
        return Facts(
            now=now,
            stalled_seconds=tally.idle_seconds,
            store_seconds=max(
                tally.fault_seconds("store"),
                self._lasting("store", bool(store_error), now),
                self.looker.looking_seconds,
            ),
            store_error=store_error or tally.fault or "it does not answer",
            bridge_seconds=max(
                tally.fault_seconds("bridge"), self._lasting("bridge", bool(bridge_error), now)
            ),
            bridge_error=bridge_error or tally.fault,
            corrupted=corruptions[-1] if corruptions else None,
            state_error=self.state.fault or ((status.state["error"] if status else "") or ""),
            audit=read_audit(self._environment.home),
            silence=self.silence(),
            dead_letters=counts["dead_letters"] if counts else None,
            lagging=_lagging(status),
            starts=read_starts(self._environment.home),
            # Of a store that does not answer, nothing is known.
            lists=status.lists if status and status.answers else None,
            answers=status.answers if status else None,
        )

    def _lasting(self, part: str, holds: bool, now: datetime) -> float:
        """Return for how many seconds looks have shown a fault."""
        if not holds:
            self._since.pop(part, None)
            return 0.0
        return (now - self._since.setdefault(part, now)).total_seconds()

    def _serve(self) -> None:
        from monitor.web.server import serve  # noqa: PLC0415 -- 3 MB, for those alone who want HTTP

        serve(self._environment, self, self._stopped)

    def _attend(self, name: str, work: Callable[[], None]) -> None:
        """Do a work until it ends by itself; whatever it trips over, begin again after a while."""
        while not self._stopped.is_set():
            try:
                work()
                return
            except Exception:
                log.exception("A thread beside the loop failed", extra=fields(thread=name))
                self._stopped.wait(REVIVE_SECONDS)


def _lagging(status: Status | None) -> dict[str, tuple[int, float]] | None:
    """Return each late project's lag, None if any of them cannot be told."""
    if status is None or any(group.lag_messages is None for group in status.groups):
        return None
    return {
        group.name: (group.lag_messages, group.lag_seconds or 0.0)
        for group in status.groups
        if group.lag_messages
    }
