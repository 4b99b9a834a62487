"""The audit, run by the service itself now and then."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

from monitor.bridge.faults import BridgeUnavailable
from monitor.bridge.reader import BridgeReader
from monitor.logs import fields
from monitor.service.audit import Verdict, audit, repair
from monitor.service.intake import Projects
from monitor.service.memory import give_back
from monitor.service.notes import Notes
from monitor.service.upkeep import let_in
from monitor.settings.environment import Environment
from monitor.store.faults import BatchRefused, StoreUnavailable
from monitor.store.protocol import Store
from monitor.store.records import Settled

FIRST_SECONDS = 60.0
"""From the start to the first audit: catching up comes first."""

AGAIN_SECONDS = 60.0
"""To the next audit after one that found something or could not be made."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """The last audit: when, since when it looked, how many submissions it compared.

    `missed` is what it found missing and `repaired` what of it was taken in; `error` says why
    it could not be made, empty if it was.
    """

    at: str = ""
    since: str = ""
    submissions: int = 0
    missed: int = 0
    repaired: int = 0
    error: str = ""


def read_audit(home: Path) -> AuditRecord | None:
    """Return the record of the last scheduled audit of a home, None before the first."""
    with suppress(TypeError):
        record = AuditRecord(**Notes(home, "audit").read())
        return record if record.at else None
    return None


class AuditSchedule:
    """Makes audits, with a reader and a store of its own, until told to stop.

    What another system should have taken in before this one came is left alone: an operator
    decides about that, with `wa-monitor audit --since`.
    """

    def __init__(
        self, environment: Environment, projects: Projects, open_store: Callable[[], Store]
    ) -> None:
        self._environment = environment
        self._projects = projects
        self._open_store = open_store
        self._notes = Notes(environment.home, "audit")
        self._stop = Event()
        self.repaired = Settled()
        """What the audits of this process have taken in that had been missed."""
        self.let_in = Settled()
        """What they have taken in that had waited for its list."""

    def use(self, projects: Projects) -> None:
        """Audit these projects from the next time on."""
        self._projects = projects

    def stop(self) -> None:
        """Make no further audit."""
        self._stop.set()

    def run(self) -> None:
        """Make audits until stopped."""
        interval = self._environment.watching.audit_interval
        pause = min(FIRST_SECONDS, interval)
        while not self._stop.wait(pause):
            record = self.audit_once()
            self._notes.write(asdict(record))
            give_back()
            pause = min(AGAIN_SECONDS, interval) if record.missed or record.error else interval

    def audit_once(self) -> AuditRecord:
        """Make one audit and, if the settings say so, repair what it finds."""
        watching = self._environment.watching
        now = datetime.now(UTC)
        since = now - timedelta(days=watching.audit_days)
        store = self._open_store()
        began = time.monotonic()
        try:
            since = max(since, store.adopted_at() or since)
            projects = self._projects
            with BridgeReader(self._environment.bridge_path, projects.prefilters) as reader:
                # What comes after the position is not missed, but still to come: that is lag.
                position = store.progress(self._environment.instance).position
                verdict = _up_to(
                    position.rowid if position else 0, audit(reader, projects, store, since)
                )
            missed = len(verdict.missed) + len(verdict.unreadable)
            repaired = 0
            if missed:
                repaired = self._mend(store, verdict) if watching.audit_repair else 0
            elif watching.audit_repair:
                settled = let_in(store, self._environment.instance, verdict.waiting)
                self.let_in = self.let_in.plus(settled)
            log.info(
                "Audit made",
                extra=fields(
                    submissions=verdict.submissions,
                    missed=missed,
                    repaired=repaired,
                    seconds=round(time.monotonic() - began, 1),
                ),
            )
            return AuditRecord(_text(now), _text(since), verdict.submissions, missed, repaired)
        except (BridgeUnavailable, StoreUnavailable, BatchRefused) as error:
            log.warning("Audit not made: trying again later", extra=fields(fault=error))
            return AuditRecord(_text(now), _text(since), error=str(error))
        finally:
            store.close()

    def _mend(self, store: Store, verdict: Verdict) -> int:
        settled = repair(store, self._environment.instance, verdict)
        self.repaired = self.repaired.plus(settled)
        log.error(
            "Audit found submissions that had been missed, and took them in",
            extra=fields(**settled.numbers()),
        )
        return settled.drops + settled.resubmissions + settled.earlier + settled.dead_letters


def _up_to(rowid: int, verdict: Verdict) -> Verdict:
    return Verdict(
        verdict.submissions,
        tuple(each for each in verdict.missed if each.reading.message.rowid <= rowid),
        tuple(each for each in verdict.unreadable if each.message.rowid <= rowid),
        verdict.waiting,
    )


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
