"""Whatever happens in whatever order: none missed, none doubled.

Each history is a random sequence of what bridges, operators, disks and databases do. After the
dust has settled, the ledger holds what was posted, and each drop has exactly one row.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
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

HISTORIES = 500 if os.environ.get("CI") else 150

drops = st.lists(st.sampled_from([f"DR17520{n:02d}" for n in range(12)]), max_size=3, unique=True)
groups = st.sampled_from(GROUPS)
minutes = st.integers(-30, 30)


class Histories(RuleBasedStateMachine):
    """Random lives of a monitor on the embedded store."""

    copies = Bundle("copies")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir="/dev/shm"))  # noqa: S108 -- memory is quicker
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

    @rule(count=st.integers(1, 40))
    def delete_newest(self, count: int) -> None:
        self.world.delete_newest(count)

    @rule(renumber=st.booleans())
    def vacuum(self, renumber: bool) -> None:
        self.world.writer.vacuum(renumber=renumber)

    @rule(kept=st.integers(0, 50))
    def replace_file(self, kept: int) -> None:
        self.world.replace_file(kept)

    # The monitor.

    @rule()
    def settle_one_batch(self) -> None:
        self.world.step()

    @rule()
    def read_to_the_end(self) -> None:
        self.world.drain()

    @rule()
    def restart(self) -> None:
        self.world.stop()
        self.world.start()

    @rule()
    def crash_while_idle(self) -> None:
        self.world.kill()
        self.world.start()

    @rule(where=st.sampled_from(["before commit", "after commit"]))
    def crash_while_settling(self, where: str) -> None:
        self.fail_next = f"killed {where}"
        try:
            self.world.step()
        except Killed:
            self.world.kill()
            self.world.start()
        self.fail_next = ""

    @rule(watched=st.sets(groups, min_size=1))
    def watch_others(self, watched: set[str]) -> None:
        self.world.watch(sorted(watched))

    # The state file.

    @rule(what=st.sampled_from([b"", b"{", b"[]", b'{"x": 1}', b"\0" * 64, b"{}", None]))
    def damage_state(self, what: bytes | None) -> None:
        put_in_place(self.world.environment.state_path, what)

    @rule()
    def lose_state(self) -> None:
        path = self.world.environment.state_path
        if path.is_file():
            self.world.saved_states.append(path.read_bytes())
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

    @rule(saved=copies)
    def put_an_older_store_back(self, saved: tuple[Path, frozenset[SubmissionKey]]) -> None:
        copy, settled = saved
        self.world.kill()
        for end in ("", "-wal", "-shm"):
            (self.folder / f"drops.db{end}").unlink(missing_ok=True)
        shutil.copy(copy, self.folder / "drops.db")
        self.world.lose_store_back_to(set(settled))
        self.world.start()

    @rule()
    def lose_the_store(self) -> None:
        self.world.kill()
        for end in ("", "-wal", "-shm"):
            (self.folder / f"drops.db{end}").unlink(missing_ok=True)
        self.world.lose_store_back_to(set())
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
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            Histories,
            settings=settings(
                max_examples=HISTORIES,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
