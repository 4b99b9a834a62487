"""The monitor dies by SIGKILL: at every step it takes, and at any moment.

What runs in the child is the monitor's own delivery and state file on a real store; it is
killed, not stopped, so nothing that it would do on its way out is done.
"""

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from monitor.drops.decide import SubmissionKey
from monitor.state.schema import check_state
from monitor.store import postgresql, sqlite
from monitor.store.postgresql import PostgresStore
from monitor.store.protocol import Store
from monitor.store.sqlite import SqliteStore
from tests.laws.world import GROUPS, World

pytestmark = pytest.mark.service

KILLS = 120 if os.environ.get("CI") else 30  # on each of two stores

LEDGER = "SELECT drop_number, message_id, group_jid FROM wa_monitor_ledger"
ROWS = "SELECT drop_number FROM qa_photo_reviews"


class Case:
    """A world on one kind of store, which can be looked into from outside."""

    def __init__(
        self, home: Path, reopen: Callable[[], Store], look: Callable[[str], list[Any]]
    ) -> None:
        self.world = World(home, reopen, wal=False)
        self._look = look

    def check(self) -> None:
        """Check the law, and that state.json is valid whenever it is there."""
        path = self.world.environment.state_path
        if path.exists():
            cursors, faults = check_state(path.read_bytes())
            assert cursors is not None, faults
        ledger = [SubmissionKey(*each) for each in self._look(LEDGER)]
        self.world.check(ledger, [each[0] for each in self._look(ROWS)])


@pytest.fixture(params=["sqlite", "postgresql"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    if request.param == "sqlite":
        file = tmp_path / "drops.db"

        def look(query: str) -> list[Any]:
            with closing(sqlite3.connect(file)) as connection:
                return connection.execute(query).fetchall()

        made = Case(tmp_path, lambda: SqliteStore(file), look)
    else:
        url = request.getfixturevalue("database_url")

        def look(query: str) -> list[Any]:
            with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall()

        made = Case(tmp_path, lambda: PostgresStore(url), look)
    made.world.drain()
    made.world.kill()  # what is open now would be shared with the children
    yield made
    made.world.kill()
    made.world.writer.close()


def in_child(work: Callable[[], None]) -> int:
    """Run `work` in a forked process; return its pid."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def reaped(pid: int) -> int:
    """Wait for a child; return its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


STEPS: tuple[tuple[object, str], ...] = (
    (sqlite.SqliteStore, "migrate"),
    (postgresql.PostgresStore, "migrate"),
    (sqlite.SqliteStore, "deliver"),
    (postgresql.PostgresStore, "deliver"),
    (sqlite, "settle"),  # before the first and after the last statement of the transaction
    (postgresql, "settle"),
    (os, "write"),
    (os, "fsync"),
    (os, "rename"),
)


class Countdown:
    """Kills this process before or after its n-th step, counting all steps together."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        for owner, name in STEPS:
            setattr(owner, name, self.around(getattr(owner, name)))

    def around(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """Return the step with a moment to die before and after it."""

        def stepped(*args: Any, **kwargs: Any) -> Any:
            self.moment()
            result = step(*args, **kwargs)
            self.moment()
            return result

        return stepped

    def moment(self) -> None:
        """Die here if it is time."""
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def test_killed_before_and_after_every_step(case: Case) -> None:
    world = case.world
    deaths = 0
    for steps in range(1, 200):
        world.post(GROUPS[steps % 3], [f"DR17520{steps % 7:02d}", f"DR18{steps:04d}"], steps)

        def live(steps: int = steps) -> None:
            Countdown(steps)
            world.start()
            world.drain()

        if reaped(in_child(live)) == 0:
            break
        deaths += 1
        case.check()
    else:
        pytest.fail("no child lived to the end")
    assert deaths >= 14, "fewer steps than a delivery and a save have"
    world.settled |= world.standing()
    case.check()


def test_killed_at_any_moment(case: Case) -> None:
    world = case.world
    dice = random.Random(20251110)

    def live() -> None:
        world.start()
        while True:
            if world.step():
                continue
            if world.state.due_in == 0.0:
                world.state.save()
            time.sleep(0.001)

    deaths = 0
    while deaths < KILLS:
        child = in_child(live)
        end = time.monotonic() + dice.uniform(0.0, 0.05)
        while time.monotonic() < end:
            number = deaths * 100 + dice.randrange(100)
            world.post(dice.choice(GROUPS), [f"DR{1_000_000 + number}"], number)
            if dice.random() < 0.1:
                world.redeliver(dice.randrange(1000))
        os.kill(child, signal.SIGKILL)
        assert reaped(child) == -signal.SIGKILL, "the monitor ended by itself"
        deaths += 1
    world.start()
    world.drain()
    case.check()
