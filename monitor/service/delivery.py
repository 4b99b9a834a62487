"""Bringing the store up to the end of the bridge, from wherever both were left."""

import logging
from collections.abc import Callable, Mapping

from monitor.answers.gate import Gate
from monitor.bridge.position import Position
from monitor.bridge.reader import BridgeReader, Cursor
from monitor.logs import fields
from monitor.service.intake import NO_FLOORS, Floors, Intake, Projects, take_in
from monitor.service.resume import Resume, resume
from monitor.service.settling import settle_readings
from monitor.service.state_keeper import StateKeeper
from monitor.settings.environment import Environment
from monitor.store.faults import StoreUnavailable
from monitor.store.protocol import Store
from monitor.store.records import Settled

log = logging.getLogger(__name__)


class Delivery:
    """Brings the store up to the end of the bridge, from wherever both were left.

    Holds the only in-memory position, and forgets it whenever the store could have changed
    under it: after any failure the store and the state file are asked again. `on_answers` is
    called when answers have been queued.
    """

    def __init__(
        self,
        environment: Environment,
        projects: Projects,
        store: Store,
        state: StateKeeper,
        on_answers: Callable[[], None] = lambda: None,
    ) -> None:
        self._environment = environment
        self._store = store
        self._state = state
        self._on_answers = on_answers
        self._gate = Gate(
            store.outbox, environment.instance, enabled=environment.answering.mode != "off"
        )
        self._unchecked = False
        self._position: Position | None = None
        self._floors = NO_FLOORS
        self._adopted_cursors: Mapping[str, Cursor] = {}
        self.settled = Settled()
        """What this process has settled so far."""
        self.rows = 0
        """How many of the bridge's rows this process has read."""
        self.rowid = 0
        """The rowid up to which all is settled."""
        self.last_rowid = 0
        """The bridge's newest rowid, as last seen."""
        self.use(projects)

    def use(self, projects: Projects) -> None:
        """Watch these projects from now on."""
        self._projects = projects
        self._reader = BridgeReader(self._environment.bridge_path, projects.prefilters)
        self.forget()

    def forget(self) -> None:
        """Ask the store and the state file for the position again before going on."""
        self._position = None

    def close(self) -> None:
        """Let go of the bridge's file."""
        self._reader.close()

    def advance(self) -> bool:
        """Settle one batch; return whether more may be there.

        Raises BridgeUnavailable or StoreUnavailable; nothing has moved then.
        """
        try:
            if self._position is None:
                self._position = self._resume()
            intake = take_in(self._reader, self._projects, self._position, self._floors)
            self._note_reread(self._position, intake)
            if not intake.empty or self._adopted_cursors:
                self._settle(intake)
            self._position = intake.position
            self.rowid, self.last_rowid = intake.position.rowid, intake.last_rowid
            return intake.more
        except StoreUnavailable:
            self.forget()
            raise

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
        )
        self._adopted_cursors = {}
        self._state.advance(cursors)
        self.settled = self.settled.plus(settled)
        self.rows += intake.rows
        if any(settled):
            log.info("Settled", extra=fields(**settled._asdict(), rowid=intake.position.rowid))
        if settled.answers:
            self._on_answers()
        self._note_unchecked(intake, settled)

    def _note_unchecked(self, intake: Intake, settled: Settled) -> None:
        """Say it when drops begin, and when they cease, to be taken in without a check."""
        if settled.unchecked and not self._unchecked:
            log.error(
                "Drops are taken in unchecked: the list of valid drops is empty or cannot be"
                " read; `wa-monitor drops import FILE --project NAME` fills it",
                extra=fields(count=settled.unchecked),
            )
            self._unchecked = True
            return
        checked = any(found.validate for each in intake.readings for found in each.submissions)
        if self._unchecked and checked and not settled.unchecked:
            log.info("Drops are checked again")
            self._unchecked = False

    def _resume(self) -> Position:
        for name in self._store.migrate():
            log.info("Store migrated", extra=fields(migration=name, store=self._store.address))
        bridge = str(self._environment.bridge_path)
        progress = self._store.progress(self._environment.instance)
        stored = progress.position
        if progress.position is not None:
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
            self._store.adopted(),
            self._reader.find,
        )
        self._guard(stored, going_on)
        for reason in going_on.reasons:
            log.info("Reading again from an earlier place", extra=fields(reason=reason))
        log.info(
            "Delivery goes on",
            extra=fields(rowid=going_on.position.rowid, groups=len(self._reader.groups)),
        )
        self._floors = Floors(self._reader.generation, going_on.floors)
        self._adopted_cursors = going_on.cursors
        if progress.position is not None:
            known = {g: c for g, c in progress.cursors.items() if g in self._reader.groups}
            self._state.advance({g: c for g, c in known.items() if g not in self._state.cursors})
        return going_on.position

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
