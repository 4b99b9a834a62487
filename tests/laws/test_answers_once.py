"""Whatever becomes of senders, bridges, monitors and the store: no answer reaches a group twice.

Each history is a random sequence of answers queued, monitors that send them, services that
refuse, hang or cut the connection, processes that die before or after each commit, and time.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from monitor.answers import post as post_module
from monitor.answers.compose import Answer, Answering
from monitor.answers.courier import Courier
from monitor.answers.texts import Answers
from monitor.drops.submissions import Malformed
from monitor.settings.answering import Answering as Settings
from monitor.store.faults import StoreUnavailable
from monitor.store.outbox import AnswerCount, Claim, Claimed, Posted, Result
from monitor.store.postgresql import PostgresStore
from monitor.store.protocol import Store
from monitor.store.records import Batch
from monitor.store.sqlite import SqliteStore
from tests.laws.world import Killed
from tests.receivers import Mode, Receiver

HISTORIES = 300 if os.environ.get("CI") else 60
START = datetime(2025, 11, 10, 4, 0, tzinfo=UTC)
GROUPS = ("111@g.us", "222@g.us")
HOW = Answers(per_minute=3, expires_after=600.0)
MONITORS = ("alpha", "beta")

modes = st.sampled_from(
    ["accept", "accept", "fail", "not connected", "unavailable", "hang", "cut before", "cut after"]
)
moments = st.sampled_from(
    ["", "", "killed before claim", "killed after claim", "killed before finish",
     "killed after finish", "down before claim", "down after claim", "down before finish",
     "down after finish"]
)  # fmt: skip


class FailingOutbox:
    """An outbox around whose commits the process or the connection can end."""

    def __init__(self, store: Store, history: "Outboxes") -> None:
        self._outbox = store.outbox
        self._history = history

    def claim(self, instance: str, now: datetime) -> Claim:
        self._history.fail("before claim")
        claim = self._outbox.claim(instance, now)
        self._history.fail("after claim")
        return claim

    def finish(self, instance: str, claimed: Claimed, result: Result, now: datetime) -> None:
        self._history.fail("before finish")
        self._outbox.finish(instance, claimed, result, now)
        self._history.fail("after finish")

    def counts(self, now: datetime) -> list[AnswerCount]:
        return self._outbox.counts(now)

    def latest(self, limit: int) -> list[Posted]:
        return self._outbox.latest(limit)

    def hold(self, instance: str, rowid: int) -> None:
        self._outbox.hold(instance, rowid)

    def held(self, instance: str) -> int:
        return self._outbox.held(instance)


class Outboxes(RuleBasedStateMachine):
    """Random lives of an outbox that two monitors share."""

    url = ""
    """The database; without one, the embedded store."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
        self.now = START
        self.fail_next = ""
        self.queued: list[tuple[str, str]] = []
        self.sender = Receiver()
        self.bridge = Receiver()
        self.couriers: dict[str, Courier] = {}
        self.stores: dict[str, Store] = {}
        self.store = self.open_store()
        self.store.migrate()
        if self.url:
            with closing(psycopg2.connect(self.url)) as server, server, server.cursor() as cursor:
                cursor.execute("TRUNCATE wa_monitor_answers, wa_monitor_malformed")

    def open_store(self) -> Store:
        return PostgresStore(self.url) if self.url else SqliteStore(self.folder / "drops.db")

    @initialize()
    def begin(self) -> None:
        for name in MONITORS:
            self.start(name)

    def start(self, name: str) -> None:
        if name in self.stores:
            self.stores[name].close()
        store = self.stores[name] = self.open_store()
        store.outbox = FailingOutbox(store, self)
        settings_ = Settings("on", self.sender.url, self.bridge.url)
        self.couriers[name] = Courier(store, name, settings_)

    def fail(self, where: str) -> None:
        how, _, when = self.fail_next.partition(" ")
        if when == where:
            self.fail_next = ""
            if how == "killed":
                raise Killed
            raise StoreUnavailable("the connection is gone")

    def teardown(self) -> None:
        self.sender.__exit__()
        self.bridge.__exit__()
        for store in (self.store, *self.stores.values()):
            store.close()
        shutil.rmtree(self.folder)

    @rule(group=st.sampled_from(GROUPS), again=st.booleans())
    def queue(self, group: str, again: bool) -> None:
        if again and self.queued:
            group, message = self.queued[-1]
        else:
            message = f"M{len(self.queued)}"
            self.queued.append((group, message))
        near_miss = Malformed(
            text=f"DR{len(self.queued)}",
            group_jid=group,
            message_id=message,
            project="Lawley",
            sender="27000000001",
            posted_at=self.now,
        )
        how = dict.fromkeys(GROUPS, HOW)
        live = frozenset([(group, message)])
        self.store.deliver(
            "alpha", Batch([], [near_miss], answering=Answering(how, live, self.now))
        )

    @rule(who=st.sampled_from(MONITORS), sender=modes, bridge=modes, moment=moments)
    def send_one(self, who: str, sender: Mode, bridge: Mode, moment: str) -> None:
        self.sender.mode, self.bridge.mode = sender, bridge
        self.fail_next = moment
        try:
            self.couriers[who].turn(self.now)
        except StoreUnavailable:
            pass
        except Killed:
            self.start(who)
        self.fail_next = ""

    @rule(seconds=st.sampled_from([1, 5, 30, 61, 121, 601]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def none_is_sent_twice(self) -> None:
        sent = [*self.sender.texts, *self.bridge.texts]
        assert len(sent) == len(set(sent)), "a group has an answer twice"

    @invariant()
    def none_is_forgotten(self) -> None:
        posted = {each.answer.message_id: each for each in self.store.outbox.latest(1000)}
        assert set(posted) == {message for _, message in self.queued}
        sent = "".join([*self.sender.texts, *self.bridge.texts])
        for each in posted.values():
            if each.state in ("queued", "expired"):
                assert f"{_drop(each.answer)} is not" not in sent, f"{each} has been sent"


def _drop(answer: Answer) -> str:
    return f"DR{int(answer.message_id[1:]) + 1}"


@contextmanager
def impatient() -> Iterator[None]:
    """Wait for an answer of a service that hangs no longer than a test can."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(post_module, "ANSWER_SECONDS", 0.05)
        yield


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_no_history_sends_an_answer_twice(kind: str, request: pytest.FixtureRequest) -> None:
    address = request.getfixturevalue("database_url") if kind == "postgresql" else ""

    class Histories(Outboxes):
        url = address

    with impatient():
        run_state_machine_as_test(
            Histories,
            settings=settings(
                max_examples=HISTORIES if kind == "sqlite" else HISTORIES // 3,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
