"""The loop: wait for the bridge, deliver, remember; whatever fails, try again."""

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from monitor.answers.courier import Courier
from monitor.bridge.faults import BridgeUnavailable
from monitor.bridge.senders import FILE_NAME, SenderBook
from monitor.bridge.watch import BridgeWatch
from monitor.logs import fields
from monitor.service.attendants import Attendants
from monitor.service.backoff import Backoff
from monitor.service.delivery import Delivery
from monitor.service.intake import Projects
from monitor.service.lock import ServiceLock, ServiceReport
from monitor.service.memory import give_back
from monitor.service.notify import Notifier
from monitor.service.pace import NO_BACKLOG, Pace
from monitor.service.signals import Signals
from monitor.service.state_keeper import StateKeeper
from monitor.service.tally import Tally
from monitor.service.upkeep import keep_up
from monitor.settings.environment import Environment
from monitor.settings.faults import SettingsError
from monitor.store.faults import StoreUnavailable
from monitor.store.protocol import Store
from monitor.store.records import Instance

BACKLOG_SECONDS = 2.0
"""How often a service that is catching up says how far it is."""

BEAT_SECONDS = 10.0
"""How often an idle loop shows that it turns."""

REPORT_SECONDS = 600.0
"""How often an idle service tells the store that it runs: seldom, a store may sleep."""

UPKEEP_SECONDS = 600.0
"""How often waiting submissions and unknown senders are looked at: with the report, as seldom."""

log = logging.getLogger(__name__)


class Service:
    """Runs a Delivery for as long as the process lives.

    `reload_settings` and `reload_projects` read the files again and raise SettingsError if they
    are bad. `tally` is kept for the `attendants`, which run beside the loop in threads of their
    own, as the `courier` does, who sends answers. Signals: SIGTERM and SIGINT end the loop after
    the batch at hand, SIGHUP reloads the projects, and of the settings those of answers.
    `progress` is told, while a backlog is caught up, up to which rowid of which all is settled.
    """

    def __init__(
        self,
        environment: Environment,
        projects: Projects,
        store: Store,
        state: StateKeeper,
        lock: ServiceLock,
        notifier: Notifier,
        release: str,
        reload_settings: Callable[[], Environment],
        reload_projects: Callable[[], Projects],
        tally: Tally,
        attendants: Attendants,
        courier: Courier,
        progress: Callable[[int, int], None],
    ) -> None:
        self._environment = environment
        self._projects = projects
        self._store = store
        self._state = state
        self._lock = lock
        self._notifier = notifier
        self._release = release
        self._reload_settings = reload_settings
        self._load_projects = reload_projects
        self._answering = environment.answering
        self._tally = tally
        self._attendants = attendants
        self._courier = courier
        self._progress = progress
        self._pace = Pace()
        self._backlog_due = 0.0
        self._delivery = Delivery(environment, projects, store, state, courier.wake)
        self._book = SenderBook(environment.bridge_path.with_name(FILE_NAME))
        self._backoff = Backoff()
        self._stopping = False
        self._reloading = False
        self._started_at = tally.started_at
        self._fault = ""
        self._last_fault: tuple[str, datetime] | None = None
        self._report_due = 0.0
        self._upkeep_due = 0.0
        self._ready = False

    def run(self) -> None:
        """Run until a signal ends it."""
        with BridgeWatch(self._environment.bridge_path) as watch:

            def stop() -> None:
                self._stopping = True
                self._notifier.send("STOPPING=1")
                watch.wake()

            def hang_up() -> None:
                self._reload_answering()
                self._reloading = True
                watch.wake()

            signals = Signals(stop, hang_up)
            self._state.load()
            self._report_to_lock()
            self._attendants.start()
            self._courier.start()
            while not self._stopping:
                watch.wait(self._turn())
        self._attendants.stop()
        if not self._state.changed_outside():  # by an operator, for the next start
            self._state.save()
        self._delivery.close()
        self._store.close()
        self._courier.stop()
        signals.done()
        log.info(
            "Stopped", extra=fields(rows=self._delivery.rows, **self._delivery.settled.numbers())
        )

    def _turn(self) -> float:
        """Do what is to be done; return the seconds until the next turn."""
        self._show_life()
        if self._reloading:
            self._reload_projects()
        if self._state.changed_outside():
            log.warning("state.json was changed from outside: reading it again")
            self._state.load()
            self._delivery.forget()
        pause = self._environment.scan_interval
        try:
            while self._advance() and not self._stopping:
                self._show_life()
                self._save_state_if_due()
                self._note_backlog()
                if self._reloading:
                    self._reload_projects()
            self._end_backlog()
            self._report_to_store()
            self._keep_up()
            self._clear_fault()
        except (BridgeUnavailable, StoreUnavailable) as error:
            pause = min(pause, self._backoff.failed())
            self._note_fault(error)
        if not self._ready:
            self._ready = True
            self._notifier.send("READY=1", f"STATUS={self._status()}")
        self._save_state_if_due()
        due = self._state.due_in
        if due is not None:
            pause = min(pause, due)
        return min(pause, self._beat_seconds())

    def _advance(self) -> bool:
        began = time.perf_counter()
        more = self._delivery.advance()
        seconds = time.perf_counter() - began
        self._tally.batch(seconds, self._delivery.rows, self._delivery.settled)
        return more

    def _note_backlog(self) -> None:
        rowid, last = self._delivery.rowid, self._delivery.last_rowid
        self._tally.backlog = self._pace.note(rowid, last)
        self._progress(rowid, last)
        if time.monotonic() >= self._backlog_due:
            self._report_to_lock()
            self._backlog_due = time.monotonic() + BACKLOG_SECONDS

    def _end_backlog(self) -> None:
        if self._tally.backlog is None:
            return
        self._tally.backlog = None
        self._pace.forget()
        give_back()
        self._progress(self._delivery.rowid, self._delivery.rowid)
        self._report_to_lock()

    def _save_state_if_due(self) -> None:
        if self._state.due_in == 0.0:
            if self._state.changed_outside():
                return  # the next turn reads it before anything is written over it
            self._state.save()

    def _beat_seconds(self) -> float:
        watchdog = self._notifier.watchdog_seconds
        return BEAT_SECONDS if watchdog is None else min(BEAT_SECONDS, watchdog / 3)

    def _show_life(self) -> None:
        self._notifier.send("WATCHDOG=1")
        self._lock.beat()
        self._tally.turn()

    def _note_fault(self, error: Exception) -> None:
        part = "bridge" if isinstance(error, BridgeUnavailable) else "store"
        fault = f"{part}: {error}"
        self._tally.failed(part, str(error))
        self._pace.forget()
        if self._tally.backlog:
            self._tally.backlog = self._tally.backlog._replace(rows_per_second=0.0)
        self._last_fault = (fault, datetime.now(UTC))
        if fault == self._fault:
            return
        self._fault = fault
        log.error("Waiting for the %s", part, extra=fields(fault=error))
        self._notifier.send(f"STATUS={self._status()}")
        self._report_to_lock()
        if part == "bridge":
            self._report_due = 0.0
            with suppress(StoreUnavailable):
                self._report_to_store()

    def _clear_fault(self) -> None:
        self._backoff.succeeded()
        self._tally.worked()
        if not self._fault:
            return
        log.info("Delivery is back", extra=fields(after=self._fault))
        self._fault = ""
        self._report_due = 0.0
        self._report_to_store()
        self._notifier.send(f"STATUS={self._status()}")
        self._report_to_lock()

    def _status(self) -> str:
        return (
            f"waiting: {self._fault}"
            if self._fault
            else f"watching {len(self._projects.names)} groups"
        )

    def _report_to_lock(self) -> None:
        backlog = self._tally.backlog or NO_BACKLOG
        self._lock.write(
            ServiceReport(
                os.getpid(),
                self._release,
                self._started_at.isoformat(),
                self._fault,
                self._answering.mode,
                backlog.rows_left,
                backlog.rows_per_second,
            )
        )

    def _report_to_store(self) -> None:
        if time.monotonic() < self._report_due:
            return
        error, at = self._last_fault or ("", None)
        self._store.report(
            Instance(
                self._environment.instance,
                self._release,
                self._started_at,
                datetime.now(UTC),
                error,
                at,
            )
        )
        self._report_due = time.monotonic() + REPORT_SECONDS

    def _keep_up(self) -> None:
        if time.monotonic() >= self._upkeep_due:
            settled = keep_up(self._store, self._environment.instance, self._projects, self._book)
            self._tally.let_in = self._tally.let_in.plus(settled)
            self._upkeep_due = time.monotonic() + UPKEEP_SECONDS

    def _reload_answering(self) -> None:
        """Heed the kill switch, in the signals' thread: whatever the loop may be waiting for."""
        try:
            environment = self._reload_settings()
        except SettingsError as error:
            for fault in error.faults:
                log.error("Settings not reloaded: the old ones stay", extra=fields(fault=fault))
            return
        self._answering = environment.answering
        self._delivery.answer(enabled=self._answering.mode != "off")
        self._courier.use(self._answering)
        log.info("Settings reloaded", extra=fields(answers=self._answering.mode))
        if replace(environment, answering=self._environment.answering) != self._environment:
            log.warning("Settings other than those of answers have changed: they take a restart")

    def _reload_projects(self) -> None:
        self._reloading = False
        self._report_to_lock()
        try:
            projects = self._load_projects()
        except SettingsError as error:
            for fault in error.faults:
                log.error("Projects not reloaded: the old ones stay", extra=fields(fault=fault))
            return
        self._delivery.use(projects)
        self._projects = projects
        self._upkeep_due = 0.0
        self._attendants.use(projects)
        log.info("Projects reloaded", extra=fields(groups=len(projects.names)))
        self._notifier.send(f"STATUS={self._status()}")
