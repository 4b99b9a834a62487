"""A bridge, a store, a state file and a monitor between them, all real, to be mistreated."""

import itertools
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.bridge.faults import BridgeUnavailable
from monitor.demo.bridge_writer import BridgeWriter
from monitor.drops.decide import SubmissionKey
from monitor.service.delivery import Delivery
from monitor.service.intake import Projects
from monitor.service.state_keeper import StateKeeper
from monitor.settings.environment import Environment
from monitor.settings.projects import Project
from monitor.state.file import StateFile
from monitor.store.faults import StoreUnavailable
from monitor.store.protocol import Store

GROUPS = ("111@g.us", "222@g.us", "333@g.us")
START = datetime(2025, 11, 10, 4, 0, tzinfo=UTC)


class Killed(BaseException):
    """The process died here: nothing after this point ran."""


class World:
    """What happens to a monitor in its life, and what must be true of the store afterwards.

    `reopen` opens the store anew, as a new process would. A submission must be in the ledger
    once the monitor has read to the end while it stood in the bridge, or if it stands there at
    the end; one that vanished from the bridge unread may be there or not.
    """

    def __init__(self, home: Path, reopen: Callable[[], Store], *, wal: bool) -> None:
        self.home = home
        self.reopen = reopen
        (home / "bridge").mkdir(parents=True, exist_ok=True)
        self.environment = Environment(
            home=home,
            database_url=None,
            bridge_path=home / "bridge" / "messages.db",
            instance="test/home",
        )
        self.writer = BridgeWriter(self.environment.bridge_path, wal=wal, fsync=False)
        self.projects = {group: Project(name=f"P{group[:3]}", group_jid=group) for group in GROUPS}
        self.in_bridge: dict[tuple[str, str], set[str]] = {}
        self.settled: set[SubmissionKey] = set()
        self.ever: set[SubmissionKey] = set()
        self.saved_states: list[bytes] = []
        self._ids = itertools.count(1)
        self.store: Store
        self.delivery: Delivery
        self.start()

    # What the world does to the monitor.

    def start(self) -> None:
        """Start a new process on what the old one left."""
        self.store = self.reopen()
        self.state = StateKeeper(StateFile(self.environment.state_path))
        self.state.load()
        self.delivery = Delivery(
            self.environment, Projects(self.projects.values()), self.store, self.state
        )

    def kill(self) -> None:
        """End the process without a word: what is in memory is gone."""
        self.delivery.close()
        self.store.close()

    def stop(self) -> None:
        """End the process as SIGTERM does."""
        self.state.save()
        self.kill()

    def watch(self, groups: Sequence[str]) -> None:
        """Reload the projects with these enabled alone."""
        for group, project in self.projects.items():
            self.projects[group] = replace(project, enabled=group in groups)
        self.delivery.use(Projects(self.projects.values()))

    def step(self) -> bool:
        """Let the monitor settle one batch, as the service's loop does; True if more is left."""
        if self.state.changed_outside():
            self.state.load()
            self.delivery.forget()
        try:
            return self.delivery.advance()
        except (StoreUnavailable, BridgeUnavailable):
            return True

    def drain(self) -> None:
        """Let the monitor read to the end; what stands in the bridge then is settled."""
        while self.step():
            pass
        self.state.save()
        self.settled |= self.standing(watched=True)

    # What the bridge does.

    def post(self, group: str, drops: Sequence[str], at: int, message_id: str = "") -> None:
        """Post a message with these drops, `at` minutes after START."""
        message_id = message_id or self.new_id()
        self.writer.post(
            group,
            " and ".join(drops) or "good morning",
            message_id=message_id,
            timestamp=START + timedelta(minutes=at),
        )
        self.in_bridge[group, message_id] = set(drops)
        self.ever |= {SubmissionKey(drop, message_id, group) for drop in drops}

    def new_id(self) -> str:
        """Return an id whose order has nothing to do with that of arrival."""
        return f"{next(self._ids) * 0x9E3779B97F4A7C15 % 2**64:016X}"

    def redeliver(self, index: int) -> None:
        """Deliver a message again: it gets a new rowid."""
        if self.in_bridge:
            group, message_id = sorted(self.in_bridge)[index % len(self.in_bridge)]
            with suppress(KeyError):
                self.writer.redeliver(message_id, group)

    def delete_newest(self, count: int) -> None:
        """Take the newest rows out of the bridge."""
        gone = set(self.writer.delete_newest(count))
        self.in_bridge = {key: drops for key, drops in self.in_bridge.items() if key[1] not in gone}

    def replace_file(self, kept: int) -> None:
        """Pair the bridge anew; its history sync brings back some messages, in another order."""
        old = sorted(self.in_bridge.items())
        self.writer.replace_file()
        self.in_bridge = {}
        for (group, message_id), drops in old[: kept % (len(old) + 1)]:
            self.post(group, sorted(drops), 0, message_id)

    # What must hold.

    def standing(self, *, watched: bool = False) -> set[SubmissionKey]:
        """Return the submissions that the bridge holds, or those of watched groups alone."""
        return {
            SubmissionKey(drop, message_id, group)
            for (group, message_id), drops in self.in_bridge.items()
            for drop in drops
            if self.projects[group].enabled or not watched
        }

    def lose_store_back_to(self, copy: set[SubmissionKey]) -> None:
        """Note that the store is now what it was when it held `copy`."""
        self.settled &= copy

    def check(self, ledger: Sequence[SubmissionKey], rows: Sequence[str]) -> None:
        """Check the law, given all of the store's ledger and all drops of its rows."""
        assert len(ledger) == len(set(ledger)), "a submission stands in the ledger twice"
        missed = self.settled - set(ledger)
        assert not missed, f"missed: {sorted(missed)}"
        invented = set(ledger) - self.ever
        assert not invented, f"never posted: {sorted(invented)}"
        assert len(rows) == len(set(rows)), "a drop has two rows"
        assert set(rows) == {key.drop_number for key in ledger}


def put_in_place(path: Path, what: bytes | None) -> None:
    """Put something else where the state file is: these bytes, or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if what is None:
        path.mkdir()
    else:
        path.write_bytes(what)
