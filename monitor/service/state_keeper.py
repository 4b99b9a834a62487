"""When state.json is read and written while the service runs."""

import logging
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from monitor.bridge.reader import Cursor
from monitor.logs import fields
from monitor.state.file import StateFile
from monitor.state.schema import is_entry

SAVE_SECONDS = 0.25
"""How long state.json may lag behind the store; a state that is behind only means a re-read."""

log = logging.getLogger(__name__)


class StateKeeper:
    """Keeps state.json in step with the store, always after it.

    Groups that are in the file but not watched are kept as they are. A file that somebody else
    changes while the service runs is read again, not overwritten.
    """

    def __init__(self, file: StateFile) -> None:
        self._file = file
        self._cursors: dict[str, str] = {}
        self._due: float | None = None
        self._stamp: tuple[int, int, int] | None = None
        self.fault = ""
        """Why the file could not be read or written, empty if it could."""
        self.saves = 0
        self.failed_saves = 0
        self.corruptions: list[tuple[datetime, str]] = []
        """When the file was found unusable, and in words what was wrong and done."""

    @property
    def cursors(self) -> Mapping[str, str]:
        """The last settled message of each group."""
        return self._cursors

    def load(self) -> None:
        """Read the file; what is wrong with it is logged, and its cursors count as unknown."""
        loaded = self._file.load()
        if loaded.outcome == "loaded":
            log.info("Loaded state: %d groups", len(loaded.cursors))
            self.fault = ""
        elif loaded.outcome == "missing":
            log.info(
                "State file missing: the store's cursors count", extra=fields(file=self._file.path)
            )
        else:
            moved = f", moved to {loaded.moved_to}" if loaded.moved_to else ""
            self.corruptions.append((datetime.now(UTC), f"{loaded.fault}{moved}"))
            log.error(
                "State file not usable: the store's cursors count",
                extra=fields(file=self._file.path, fault=loaded.fault, moved_to=loaded.moved_to),
            )
        self._cursors = dict(loaded.cursors)
        self._stamp = self._look()
        if loaded.outcome != "loaded":
            self._due = time.monotonic()

    def changed_outside(self) -> bool:
        """Tell whether somebody else has replaced or removed the file since it was last seen."""
        return self._look() != self._stamp

    def advance(self, cursors: Mapping[str, Cursor]) -> None:
        """Take over what the store has committed, to be written soon."""
        for group, cursor in cursors.items():
            if not is_entry(group, cursor.message_id):
                log.warning("Cursor cannot be kept in state.json", extra=fields(group=group))
                continue
            self._cursors[group] = cursor.message_id
        if cursors and self._due is None:
            self._due = time.monotonic() + SAVE_SECONDS

    @property
    def due_in(self) -> float | None:
        """Seconds until the file is to be written, None if there is nothing to write."""
        return None if self._due is None else max(0.0, self._due - time.monotonic())

    def save(self) -> None:
        """Write the file now, if there is anything to write; a failure is tried again later."""
        if self._due is None:
            return
        try:
            written = self._file.save(self._cursors)
        except OSError as error:
            self.failed_saves += 1
            fault = f"{self._file.path} cannot be written ({error.strerror})"
            if fault != self.fault:
                log.error(
                    "State file not written: delivery goes on, trying again",
                    extra=fields(file=self._file.path, fault=error.strerror),
                )
            self.fault = fault
            self._due = time.monotonic() + 20 * SAVE_SECONDS
            return
        self.saves += 1
        if self.fault:
            log.info("State file written again", extra=fields(file=self._file.path))
        self.fault = ""
        self._due = None
        # Not what is there now: that may be an operator's, put there in the meantime.
        self._stamp = _identity(written)

    def _look(self) -> tuple[int, int, int] | None:
        try:
            return _identity(self._file.path.lstat())
        except OSError:
            return None


def _identity(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_mtime_ns, found.st_size
