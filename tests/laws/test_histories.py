"""Whatever happens in whatever order: none missed, none doubled.

Each history is a random sequence of what bridges, operators, disks and databases do. After the
dust has settled, the ledger holds what was posted, and each drop has exactly one row.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from monitor.bridge import reader
from monitor.drops.decide import SubmissionKey
from monitor.service import intake
from monitor.store import sqlite
from monitor.store.faults import StoreUnavailable
from monitor.store.records import Batch, Settled
from tests.laws.world import GROUPS, Killed, World, put_in_place

HISTORIES = 600 if os.environ.get("CI") else 150

drops = st.lists(st.sampled_from([f"DR17520{n:02d}" for n in range(12)]), max_size=3, unique=True)
groups = st.sampled_from(GROUPS)
minutes = st.integers(-30, 30)


class Histories(RuleBasedStateMachine):
    """Random lives of a monitor on the embedded store."""

    copies = Bundle("copies")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir="/dev/shm"))  # memory is quicker
        self.clock = 0
        self.fail_next = ""
        self.numbers = iter(range(10**6))

    @initialize(wal=st.booleans())
    def begin(self, wal: bool) -> None:
        self.world = World(self.folder, self.open_store, wal=wal)

    def open_store(self) -> "FailingStore":
        return FailingStore(self, self.folder / "drops.db")

    def teardown(self) -> None:
        try:
            if hasattr(self, "world"):
                self.fail_next = ""
                self.settle_the_dust()
        finally:
            if hasattr(self, "world"):
                self.world.kill()
                self.world.writer.close()
            shutil.rmtree(self.folder)

    def settle_the_dust(self) -> None:
        self.world.watch(GROUPS)
        self.world.drain()
        self.world.kill()
        self.world.start()
        self.world.drain()
        self.check()

    def check(self) -> None:
        with closing(sqlite3.connect(self.folder / "drops.db")) as database:
            ledger = database.execute(
                "SELECT drop_number, message_id, group_jid FROM wa_monitor_ledger"
            ).fetchall()
            rows = database.execute("SELECT drop_number FROM qa_photo_reviews").fetchall()
        self.world.check([SubmissionKey(*each) for each in ledger], [each[0] for each in rows])

    # The bridge.

    @rule(group=groups, posted=drops, late=minutes)
    def post(self, group: str, posted: list[str], late: int) -> None:
        self.clock += 1
        self.world.post(group, posted, self.clock + min(late, 0))

    @rule(group=groups, count=st.integers(30, 45))
    def post_many(self, group: str, count: int) -> None:
        for number in range(count):
            self.world.post(group, [f"DR18{number:04d}"] if number % 7 == 0 else [], self.clock)

    @rule(index=st.integers(0, 200))
    def redeliver(self, index: int) -> None:
        self.world.redeliver(index)

    @rule(how=st.sampled_from(["delete", "vacuum", "renumber", "new"]), count=st.integers(0, 40))
    def change_the_file(self, how: str, count: int) -> None:
        match how:
            case "delete":
                self.world.delete_newest(count)
            case "new":
                self.world.replace_file(count)
            case _:
                self.world.writer.vacuum(renumber=how == "renumber")

    # The monitor.

    @rule()
    def settle_one_batch(self) -> None:
        self.world.step()

    @rule()
    def read_to_the_end(self) -> None:
        self.world.drain()

    @rule(group=groups, posted=drops)
    def post_and_read_to_the_end(self, group: str, posted: list[str]) -> None:
        self.post(group, posted, 0)
        self.world.drain()

    @rule(how=st.sampled_from(["stop", "kill", "kill before commit", "kill after commit"]))
    def restart(self, how: str) -> None:
        if how == "stop":
            self.world.stop()
        else:
            self.fail_next = how.replace("kill", "killed") if "commit" in how else ""
            with suppress(Killed):
                if self.fail_next:
                    self.world.step()
            self.fail_next = ""
            self.world.kill()
        self.world.start()

    @rule(watched=st.sets(groups, min_size=1))
    def watch_others(self, watched: set[str]) -> None:
        self.world.watch(sorted(watched))

    # The state file.

    @rule(what=st.sampled_from([b"", b"{", b"[]", b'{"x": 1}', b"\0" * 64, b"{}", None]))
    def damage_state(self, what: bytes | None) -> None:
        put_in_place(self.world.environment.state_path, what)

    @rule(lost=st.booleans())
    def keep_a_copy_of_the_state(self, lost: bool) -> None:
        path = self.world.environment.state_path
        if path.is_file():
            self.world.saved_states.append(path.read_bytes())
            if lost:
                path.unlink()

    @precondition(lambda self: self.world.saved_states)
    @rule(which=st.integers(0, 9))
    def roll_state_back(self, which: int) -> None:
        saved = self.world.saved_states
        put_in_place(self.world.environment.state_path, saved[which % len(saved)])

    # The store.

    @rule(where=st.sampled_from(["before commit", "after commit"]))
    def lose_the_connection(self, where: str) -> None:
        self.fail_next = f"down {where}"
        self.world.step()
        self.fail_next = ""

    @rule(target=copies)
    def copy_the_store(self) -> tuple[Path, frozenset[SubmissionKey]]:
        copy = self.folder / f"copy-{next(self.numbers)}.db"
        self.world.store.migrate()
        with (
            closing(sqlite3.connect(self.folder / "drops.db")) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
        return copy, frozenset(self.world.settled)

    @rule(saved=copies, restarted=st.booleans())
    def put_an_older_store_back(
        self, saved: tuple[Path, frozenset[SubmissionKey]], restarted: bool
    ) -> None:
        copy, settled = saved
        self.swap_the_store(copy, set(settled), restarted=restarted)

    @rule(restarted=st.booleans())
    def lose_the_store(self, restarted: bool) -> None:
        self.swap_the_store(None, set(), restarted=restarted)

    def swap_the_store(
        self, copy: Path | None, settled: set[SubmissionKey], *, restarted: bool
    ) -> None:
        if restarted:
            self.world.kill()
        else:  # a database server that comes back with other data: the connection is lost
            self.fail_next = "down before commit"
            self.world.post(GROUPS[0], [], self.clock)
            self.world.step()
            self.fail_next = ""
            self.world.store.close()
        for end in ("", "-wal", "-shm"):
            (self.folder / f"drops.db{end}").unlink(missing_ok=True)
        if copy is not None:
            shutil.copy(copy, self.folder / "drops.db")
        self.world.lose_store_back_to(settled)
        if restarted:
            self.world.start()

    @invariant()
    def nothing_is_doubled(self) -> None:
        if hasattr(self, "world") and self.world.settled:
            self.check()


class FailingStore(sqlite.SqliteStore):
    """The embedded store, whose process or connection can end around a commit."""

    def __init__(self, history: Histories, path: Path) -> None:
        super().__init__(path)
        self._history = history

    def deliver(self, instance: str, batch: Batch) -> Settled:
        self._fail("before commit")
        settled = super().deliver(instance, batch)
        self._fail("after commit")
        return settled

    def _fail(self, where: str) -> None:
        how, _, when = self._history.fail_next.partition(" ")
        if when == where:
            self._history.fail_next = ""
            if how == "killed":
                raise Killed
            raise StoreUnavailable("the connection is gone")


@contextmanager
def small_batches() -> Iterator[None]:
    """Make every chunk and batch so small that even short histories have several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "CHUNK_ROWS", (3, 7))
        patch.setattr(intake, "BATCH_READINGS", 4)
        patch.setattr(intake, "BATCH_ROWS", 20)
        yield


def test_no_history_loses_or_doubles_a_drop() -> None:
    with small_batches():
        run_state_machine_as_test(
            Histories,
            settings=settings(
                max_examples=HISTORIES,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
