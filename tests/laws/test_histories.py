"""Whatever happens in whatever order: none missed, none doubled.

Each history is a random sequence of what bridges, operators, disks and databases do. After the
dust has settled, the ledger holds what was posted, and each drop has exactly one row.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import psycopg2
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
from monitor.store import postgresql
from monitor.store.faults import StoreUnavailable
from monitor.store.postgresql import PostgresStore
from monitor.store.protocol import Store
from monitor.store.records import Batch, Settled
from monitor.store.sqlite import SqliteStore
from tests.laws.world import GROUPS, Killed, World, put_in_place

IN_CI = bool(os.environ.get("CI"))

drops = st.lists(st.sampled_from([f"DR17520{n:02d}" for n in range(12)]), max_size=3, unique=True)
groups = st.sampled_from(GROUPS)
minutes = st.integers(-30, 30)


class Shelf(Protocol):
    """A store's place, which can be looked into, copied, put back and lost."""

    def open(self, failures: "Failures") -> Store: ...
    def look(self, query: str) -> list[Any]: ...
    def copy(self) -> str: ...
    def put_back(self, copy: str | None) -> None: ...
    def clear(self) -> None: ...


class Histories(RuleBasedStateMachine):
    """Random lives of a monitor."""

    copies = Bundle("copies")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir="/dev/shm"))  # memory is quicker
        self.clock = 0
        self.failures = Failures()
        self.shelf = self.make_shelf()

    def make_shelf(self) -> Shelf:
        raise NotImplementedError

    @initialize(wal=st.booleans())
    def begin(self, wal: bool) -> None:
        self.world = World(self.folder, lambda: self.shelf.open(self.failures), wal=wal)

    def teardown(self) -> None:
        try:
            if hasattr(self, "world"):
                self.failures.next = ""
                self.settle_the_dust()
        finally:
            if hasattr(self, "world"):
                self.world.kill()
                self.world.writer.close()
            self.shelf.clear()
            shutil.rmtree(self.folder)

    def settle_the_dust(self) -> None:
        self.world.watch(GROUPS)
        self.world.drain()
        self.world.kill()
        self.world.start()
        self.world.drain()
        self.check()

    def check(self) -> None:
        ledger = self.shelf.look("SELECT drop_number, message_id, group_jid FROM wa_monitor_ledger")
        rows = self.shelf.look("SELECT drop_number FROM qa_photo_reviews")
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
            self.failures.next = how.replace("kill", "killed") if "commit" in how else ""
            with suppress(Killed):
                if self.failures.next:
                    self.world.step()
            self.failures.next = ""
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
        self.failures.next = f"down {where}"
        self.world.step()
        self.failures.next = ""

    @rule(target=copies)
    def copy_the_store(self) -> tuple[str, frozenset[SubmissionKey]]:
        self.world.store.migrate()
        return self.shelf.copy(), frozenset(self.world.settled)

    @rule(saved=copies, restarted=st.booleans())
    def put_an_older_store_back(
        self, saved: tuple[str, frozenset[SubmissionKey]], restarted: bool
    ) -> None:
        copy, settled = saved
        self.swap_the_store(copy, set(settled), restarted=restarted)

    @rule(restarted=st.booleans())
    def lose_the_store(self, restarted: bool) -> None:
        self.swap_the_store(None, set(), restarted=restarted)

    def swap_the_store(
        self, copy: str | None, settled: set[SubmissionKey], *, restarted: bool
    ) -> None:
        if restarted:
            self.world.kill()
        else:  # a database server that comes back with other data: the connection is lost
            self.failures.next = "down before commit"
            self.world.post(GROUPS[0], [], self.clock)
            self.world.step()
            self.failures.next = ""
            self.world.store.close()
        self.shelf.put_back(copy)
        self.world.lose_store_back_to(settled)
        if restarted:
            self.world.start()

    @invariant()
    def nothing_is_doubled(self) -> None:
        if hasattr(self, "world") and self.world.settled:
            self.check()


class Failures:
    """What happens at the next delivery: `killed` or `down`, `before` or `after` its commit."""

    def __init__(self) -> None:
        self.next = ""

    def around(self, deliver: Callable[[], Settled]) -> Settled:
        self._meet("before commit")
        settled = deliver()
        self._meet("after commit")
        return settled

    def _meet(self, where: str) -> None:
        how, _, when = self.next.partition(" ")
        if when == where:
            self.next = ""
            if how == "killed":
                raise Killed
            raise StoreUnavailable("the connection is gone")


class EmbeddedShelf:
    """The embedded store's file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "drops.db"
        self.numbers = iter(range(10**6))

    def open(self, failures: Failures) -> Store:
        class FailingStore(SqliteStore):
            def deliver(self, instance: str, batch: Batch) -> Settled:
                return failures.around(lambda: SqliteStore.deliver(self, instance, batch))

        return FailingStore(self.file)

    def look(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.file)) as database:
            return database.execute(query).fetchall()

    def copy(self) -> str:
        copy = self.file.with_name(f"copy-{next(self.numbers)}.db")
        with closing(sqlite3.connect(self.file)) as a, closing(sqlite3.connect(copy)) as b:
            a.backup(b)
        return str(copy)

    def put_back(self, copy: str | None) -> None:
        for end in ("", "-wal", "-shm"):
            self.file.with_name(f"drops.db{end}").unlink(missing_ok=True)
        if copy is not None:
            shutil.copy(copy, self.file)

    def clear(self) -> None:
        self.put_back(None)


class ServerShelf:
    """One schema of a PostgreSQL database for each history."""

    numbers = iter(range(10**6))

    def __init__(self, url: str) -> None:
        self.url = url
        self.schema = f"history_{next(self.numbers)}"
        self.run(f"CREATE SCHEMA {self.schema}")

    def open(self, failures: Failures) -> Store:
        class FailingStore(PostgresStore):
            def deliver(self, instance: str, batch: Batch) -> Settled:
                return failures.around(lambda: PostgresStore.deliver(self, instance, batch))

        return FailingStore(f"{self.url}?options=-csearch_path%3D{self.schema}")

    def run(self, statement: str) -> list[Any]:
        with closing(psycopg2.connect(self.url)) as database, database.cursor() as cursor:
            cursor.execute(statement)
            found = cursor.fetchall() if cursor.description else []
            database.commit()
            return found

    def look(self, query: str) -> list[Any]:
        return self.run(f"SET search_path TO {self.schema}; {query}")

    def tables(self) -> list[str]:
        query = f"SELECT tablename FROM pg_tables WHERE schemaname = '{self.schema}'"
        return [each for (each,) in self.run(query)]

    def copy(self) -> str:
        copy = f"{self.schema}_copy_{next(self.numbers)}"
        self.run(
            f"CREATE SCHEMA {copy};"
            + "".join(
                f"CREATE TABLE {copy}.{table} AS SELECT * FROM {self.schema}.{table};"
                for table in self.tables()
            )
        )
        return copy

    def put_back(self, copy: str | None) -> None:
        if copy is None:
            self.run(f"DROP SCHEMA {self.schema} CASCADE; CREATE SCHEMA {self.schema}")
            return
        if not self.tables():
            self.open(Failures()).migrate()
        self.run(
            "".join(
                f"TRUNCATE {self.schema}.{table};"
                f"INSERT INTO {self.schema}.{table} SELECT * FROM {copy}.{table};"
                for table in self.tables()
            )
        )

    def clear(self) -> None:
        copies = f"SELECT nspname FROM pg_namespace WHERE nspname LIKE '{self.schema}_copy_%'"
        for (name,) in [*self.run(copies), (self.schema,)]:
            self.run(f"DROP SCHEMA {name} CASCADE")


@contextmanager
def small_batches() -> Iterator[None]:
    """Make every chunk and batch so small that even short histories have several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "CHUNK_ROWS", (3, 7))
        patch.setattr(intake, "BATCH_READINGS", 4)
        patch.setattr(intake, "FIRST_READINGS", 2)
        patch.setattr(intake, "BATCH_ROWS", 20)
        patch.setattr(postgresql, "BULK", 2)
        yield


def search(histories: type[Histories], number: int) -> None:
    with small_batches():
        run_state_machine_as_test(
            histories,
            settings=settings(
                max_examples=number,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_no_history_loses_or_doubles_a_drop_in_the_embedded_store() -> None:
    class OnFile(Histories):
        def make_shelf(self) -> Shelf:
            return EmbeddedShelf(self.folder)

    search(OnFile, 500 if IN_CI else 100)


def test_no_history_loses_or_doubles_a_drop_in_postgresql(database_url: str) -> None:
    class OnServer(Histories):
        def make_shelf(self) -> Shelf:
            return ServerShelf(database_url)

    search(OnServer, 60 if IN_CI else 15)
