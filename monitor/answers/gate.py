"""Which messages may be answered: those that have come in just now, for the first time."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from monitor.answers.compose import Answering
from monitor.answers.texts import Answers
from monitor.bridge.message import Message
from monitor.store.outbox import Outbox


class Gate:
    """Keeps history from being answered.

    What the bridge held when it was first read, and what is read again because rows have
    changed or a cursor has gone back, lies at or below a floor that is kept in the store: a
    crash in the middle of a long re-read must not make news of the rest. Every method that
    asks the store raises StoreUnavailable.
    """

    def __init__(self, outbox: Outbox, instance: str, *, enabled: bool) -> None:
        self._outbox = outbox
        self._instance = instance
        self.enabled = enabled
        """Whether anything is answered; another thread may change it."""
        self._floor = 0

    def go_on(self) -> None:
        """Take up the floor that the store has, for nothing is read again."""
        self._floor = self._outbox.held(self._instance)

    def go_back(self, read_upto: int, last_rowid: int) -> None:
        """Answer nothing up to `read_upto`, which had been read before, or where that was held."""
        self._floor = max(self._outbox.held(self._instance), read_upto)
        self._hold(min(self._floor, last_rowid))

    def begin(self, last_rowid: int) -> None:
        """Answer nothing of a file that is read for the first time, up to its present end."""
        self._hold(last_rowid)

    def answering(
        self, messages: Iterable[Message], by_group: Mapping[str, Answers]
    ) -> Answering | None:
        """Return what a batch may answer, None for nothing."""
        if not self.enabled or not by_group:
            return None
        live = frozenset(
            (each.group_jid, each.id)
            for each in messages
            if each.rowid > self._floor and each.group_jid in by_group
        )
        return Answering(by_group, live, datetime.now(UTC)) if live else None

    def _hold(self, rowid: int) -> None:
        self._outbox.hold(self._instance, rowid)
        self._floor = rowid
