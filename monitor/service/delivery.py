"""Bringing the store up to the end of the bridge, from wherever both were left."""

import gc
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from monitor.answers.gate import Gate
from monitor.bridge.faults import BridgeUnavailable
from monitor.bridge.position import Position
from monitor.bridge.reader import BridgeReader, Cursor
from monitor.logs import fields
from monitor.service.intake import NO_FLOORS, Floors, Intake, Projects, take_in
from monitor.service.notes import Notes
from monitor.service.resume import Resume, resume
from monitor.service.settling import settle_readings, submissions_of
from monitor.service.state_keeper import StateKeeper
from monitor.service.unchecked import UncheckedBook
from monitor.settings.environment import Environment
from monitor.store.faults import StoreUnavailable
from monitor.store.protocol import Store
from monitor.store.records import Settled

log = logging.getLogger(__name__)


class Delivery:
    """Brings the store up to the end of the bridge, from wherever both were left.

    Holds the only in-memory position, and forgets it whenever the store could have changed
    under it: after any failure the store and the state file are asked again. `on_answers` is
    called when answers have been queued; `roomy` says that nothing else runs in the process.
    """

    def __init__(
        self,
        environment: Environment,
        projects: Projects,
        store: Store,
        state: StateKeeper,
        on_answers: Callable[[], None] = lambda: None,
        *,
        roomy: bool = False,
    ) -> None:
        self._roomy = roomy
        self._environment = environment
        self._store = store
        self._state = state
        self._on_answers = on_answers
        self._gate = Gate(
            store.outbox, environment.instance, enabled=environment.answering.mode != "off"
        )
        self._unchecked = UncheckedBook(environment.home)
        self._unchecked.only(projects.checked_groups)
        self._position: Position | None = None
        self._ahead: Intake | None = None
        self._beside = ThreadPoolExecutor(1, "settling")
        self._floors = NO_FLOORS
        self._adopted_cursors: Mapping[str, Cursor] = {}
        self._notes = Notes(environment.home, "delivery")
        # Of an earlier process too, as long as the home's notes are there.
        self._has_progress = bool(self._notes.read().get("has_progress"))
        self.settled = Settled()
        """What this process has settled so far."""
        self.rows = 0
        """How many of the bridge's rows this process has read."""
        self.rowid = 0
        """The rowid up to which all is settled."""
        self.last_rowid = 0
        """The bridge's newest rowid, as last seen."""
        # A backlog makes many objects and no cycles, and a sixth of its time went into looking.
        gc.freeze()
        gc.set_threshold(50_000)
        self._projects = projects
        self._reader = BridgeReader(environment.bridge_path, projects.prefilters)

    def use(self, projects: Projects) -> None:
        """Watch these projects from now on."""
        self._reader.close()
        self._unchecked.only(projects.checked_groups)
        self._projects = projects
        self._reader = BridgeReader(self._environment.bridge_path, projects.prefilters)
        self.forget()

    def answer(self, *, enabled: bool) -> None:
        """Queue answers from now on, or none; any thread may call this."""
        self._gate.enabled = enabled

    def forget(self) -> None:
        """Ask the store and the state file for the position again before going on."""
        self._position = None
        self._ahead = None

    def close(self) -> None:
        """Let go of the bridge's file, for good."""
        self._reader.close()
        self._beside.shutdown()

    def advance(self) -> bool:
        """Settle one batch; return whether more may be there.

        Raises BridgeUnavailable or StoreUnavailable; nothing has moved then.
        """
        try:
            if self._position is None:
                self._position = self._resume()
            ahead, self._ahead = self._ahead, None
            intake = ahead or self._take_in(self._position, first=True)
            self._note_reread(self._position, intake)
            if intake.more:
                self._ahead = self._settle_while_reading_on(intake)
            elif not intake.empty or self._adopted_cursors:
                self._settle(intake)
            self._position = intake.position
            self.rowid, self.last_rowid = intake.position.rowid, intake.last_rowid
            # What was read ahead was read a while ago: the bridge may have gone on since.
            return intake.more or ahead is not None
        except StoreUnavailable:
            self.forget()
            raise

    def _take_in(self, position: Position, *, first: bool = False) -> Intake:
        intake = take_in(
            self._reader, self._projects, position, self._floors, first=first, roomy=self._roomy
        )
        if not intake.more:
            return intake
        submissions = submissions_of(intake.readings)
        presumption = self._store.presume(self._environment.instance, submissions)
        return intake._replace(presumption=presumption)

    def _settle_while_reading_on(self, intake: Intake) -> Intake | None:
        """Settle a batch of a backlog in the other thread and read the next one meanwhile."""
        settling = self._beside.submit(self._settle, intake)
        ahead = None
        with suppress(BridgeUnavailable):  # met again, and told, when the next batch is due
            ahead = self._take_in(intake.position)
        settling.result()
        return ahead

    def _settle(self, intake: Intake) -> None:
        cursors = {**self._adopted_cursors, **intake.cursors}
        answering = self._gate.answering(
            (each.message for each in intake.readings), self._projects.answers
        )
        settled = settle_readings(
            self._store,
            self._environment.instance,
            intake.readings,
            intake.position,
            cursors,
            answering=answering,
            presumption=intake.presumption,
        )
        self._adopted_cursors = {}
        self._note_progress()
        self._state.advance(cursors)
        self.settled = self.settled.plus(settled)
        self.rows += intake.rows
        if any(settled):
            log.info("Settled", extra=fields(**settled.numbers(), rowid=intake.position.rowid))
        if settled.answers:
            self._on_answers()
        self._unchecked.note(settled, self._projects.names)

    def _resume(self) -> Position:
        for name in self._store.migrate():
            log.info("Store migrated", extra=fields(migration=name, store=self._store.address))
        bridge = str(self._environment.bridge_path)
        progress = self._store.progress(self._environment.instance)
        stored = progress.position
        if progress.position is not None:
            self._note_progress()
            verified = self._reader.verified(progress.position)
            if verified.rowid < progress.position.rowid:
                log.warning(
                    "Bridge rows are not those that were settled: reading them again",
                    extra=fields(bridge=bridge, from_rowid=verified.rowid),
                )
            progress = progress._replace(position=verified)
        going_on = resume(
            bridge,
            self._reader.groups,
            self._state.cursors,
            progress,
            # A store that had this monitor's progress and has it no more was put back as it was
            # before that; state.json tells of later.
            self._store.adopted() and not self._has_progress,
            self._reader.find,
        )
        self._guard(stored, going_on)
        for reason in going_on.reasons:
            log.info("Reading again from an earlier place", extra=fields(reason=reason))
        log.info(
            "Delivery goes on",
            extra=fields(rowid=going_on.position.rowid, groups=len(self._reader.groups)),
        )
        self._floors = Floors(self._reader.generation, going_on.floors, going_on.witness)
        self._adopted_cursors = going_on.cursors
        if progress.position is not None:
            known = {g: c for g, c in progress.cursors.items() if g in self._reader.groups}
            self._state.advance({g: c for g, c in known.items() if g not in self._state.cursors})
        return going_on.position

    def _note_progress(self) -> None:
        if not self._has_progress:
            self._has_progress = True
            self._notes.write({"has_progress": True})

    def _guard(self, stored: Position | None, going_on: Resume) -> None:
        """Keep what is read again, or was there before the first reading, from being answered."""
        start = going_on.position.rowid
        if stored is not None and start == stored.rowid:
            self._gate.go_on()
        elif stored is not None and start:
            self._gate.go_back(stored.rowid, self._reader.last_rowid())
        else:
            self._gate.begin(self._reader.last_rowid())

    def _note_reread(self, position: Position, intake: Intake) -> None:
        if intake.resumed_from < position.rowid:
            self._floors = NO_FLOORS
            if intake.resumed_from:
                self._gate.go_back(position.rowid, intake.last_rowid)
            else:
                self._gate.begin(intake.last_rowid)
            log.info(
                "Bridge rows have changed: reading again from before them",
                extra=fields(settled=position.rowid, from_rowid=intake.resumed_from),
            )
