"""Which conditions hold, and that each is told of once when it begins and once when it ends."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerts.conditions import NAMES, Condition, Facts, conditions
from monitor.alerts.machine import Alerts, Message
from monitor.answer_status import AnswerStatus, sum_up
from monitor.bridge.silence import Silence
from monitor.list_status import ListStatus
from monitor.service.audit_schedule import AuditRecord
from monitor.service.starts import Starts
from monitor.settings.answering import Mode
from monitor.store.outbox import AnswerCount, Standing

NOW = datetime(2025, 11, 11, 9, 0, tzinfo=UTC)
GOOD = Facts(
    NOW,
    dead_letters=0,
    lagging={},
    audit=AuditRecord("2025-11-11T08:00:00+00:00", submissions=7),
    silence=Silence("active", 1.0, 1.0),
    lists=[],
    answers=sum_up("on", []),
)
AFTER = 120.0
RESTARTS = 5


def listed(drops: int | None, unchecked: int = 0, error: str | None = None) -> ListStatus:
    since = NOW.isoformat() if unchecked else None
    return ListStatus("Lawley", drops, 0, unchecked, since, error)


def answers(standing: Standing, recent: int = 0, mode: Mode = "on") -> AnswerStatus:
    return sum_up(mode, [AnswerCount("Lawley", standing, 1, recent)])


def holding(**facts: object) -> dict[str, str]:
    found = conditions(Facts(**{**GOOD.__dict__, **facts}), AFTER, RESTARTS)
    return {name: each.text if each else "?" for name, each in found.items()}


def test_all_is_well() -> None:
    assert holding() == {}


@pytest.mark.parametrize(
    ("name", "facts", "word"),
    [
        ("store_down", {"store_seconds": 120.0, "store_error": "refused"}, "refused"),
        ("bridge_unreadable", {"bridge_seconds": 120.0, "bridge_error": "missing"}, "missing"),
        ("loop_stalled", {"stalled_seconds": 121.0}, "restart"),
        ("state_corrupt", {"corrupted": (NOW, "not JSON")}, "not JSON"),
        ("state_corrupt", {"state_error": "cannot be written"}, "cannot be written"),
        ("audit_difference", {"audit": AuditRecord("t", "t", 9, 2, 2)}, "2 of 9"),
        ("audit_difference", {"audit": AuditRecord("t", "t", 9, 2)}, "--repair"),
        ("bridge_silent", {"silence": Silence("silent", 10_800.0, 600.0)}, "3 h, usual gap 10"),
        ("dead_letters", {"dead_letters": 1}, "replay"),
        ("behind", {"lagging": {"Lawley": (12, 61.0)}}, "Lawley 12"),
        ("restart_loop", {"starts": Starts(9, (NOW,) * 5)}, "5 times in 10 minutes"),
        ("unchecked", {"lists": [listed(0, unchecked=3)]}, "Lawley 3, for its list"),
        ("unchecked", {"lists": [listed(0, unchecked=3)]}, "is empty"),
        ("unchecked", {"lists": [listed(None, unchecked=3, error="42P01")]}, "read (42P01)"),
        ("unchecked", {"lists": [listed(9, unchecked=1)]}, "did not answer"),
        ("answers_failing", {"answers": answers("unknown", recent=1)}, "1 may or may not"),
        ("answers_failing", {"answers": answers("failed", recent=1)}, "too late"),
        ("answers_failing", {"answers": answers("retrying")}, "tried again"),
    ],
)
def test_each_condition_is_seen(name: str, facts: dict[str, object], word: str) -> None:
    found = holding(**facts)
    assert list(found) == [name]
    assert word in found[name]


@pytest.mark.parametrize(
    "facts",
    [
        {"store_seconds": 119.0},
        {"bridge_seconds": 119.0},
        {"stalled_seconds": 10.0},
        {"corrupted": (NOW - timedelta(minutes=6), "long ago")},
        {"silence": Silence("quiet", 30_000.0, None)},
        {"lagging": {"Lawley": (12, 3.0)}},
        {"starts": Starts(9, (NOW - timedelta(minutes=11),) * 5)},
        {"lists": [listed(9)]},
        {"lists": [listed(0)]},
        {"answers": answers("unknown")},
        {"answers": answers("expired", recent=1)},
        {"answers": answers("retrying", mode="off")},
    ],
)
def test_what_is_ordinary_is_no_condition(facts: dict[str, object]) -> None:
    assert holding(**facts) == {}


def test_what_cannot_be_told_is_neither_well_nor_wrong() -> None:
    unknown = holding(
        dead_letters=None, lagging=None, audit=None, silence=None, lists=None, answers=None
    )
    assert unknown == dict.fromkeys(
        (
            *("audit_difference", "bridge_silent", "dead_letters", "behind"),
            *("unchecked", "answers_failing"),
        ),
        "?",
    )


def test_every_condition_has_a_name() -> None:
    everything = holding(
        store_seconds=999.0, bridge_seconds=999.0, stalled_seconds=999.0, dead_letters=1,
        corrupted=(NOW, "x"), audit=AuditRecord("t", "t", 1, 1), lagging={"a": (1, 99.0)},
        silence=Silence("silent", 1.0, 1.0), starts=Starts(9, (NOW,) * 9),
        lists=[listed(0, unchecked=1)], answers=answers("unknown", recent=1),
    )  # fmt: skip
    assert sorted(everything) == sorted(NAMES)


def tell(*looks: bool | None, after: float = 0.0, clear: float = 20.0) -> list[tuple[int, bool]]:
    """Return when, by look ten seconds apart, a message came, and whether it was the end's."""
    alerts = Alerts()
    told: list[tuple[int, bool]] = []
    for number, look in enumerate(looks):
        seen = {} if look is False else {"x": Condition("it", after) if look else None}
        now = NOW + timedelta(seconds=10 * number)
        alerts, messages = alerts.step(seen, now, clear)
        told += [(number, message.ended) for message in messages]
    return told


ON, OFF, UNKNOWN = True, False, None


def test_one_message_when_it_begins_and_one_when_it_ends() -> None:
    assert tell(OFF, ON, ON, ON, OFF, OFF, OFF, OFF) == [(1, False), (6, True)]


def test_a_condition_that_comes_and_goes_is_one_alert() -> None:
    assert tell(ON, OFF, ON, OFF, ON, OFF, ON) == [(0, False)]


def test_a_condition_has_to_last() -> None:
    assert tell(ON, ON, OFF, ON, ON, ON, after=20.0) == [(5, False)]


def test_what_cannot_be_told_does_not_end_an_alert() -> None:
    assert tell(ON, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN) == [(0, False)]


def test_the_end_says_how_long_it_was() -> None:
    alerts, _ = Alerts().step({"x": Condition("it broke")}, NOW, 0)
    alerts, _ = alerts.step({}, NOW + timedelta(minutes=7), 0)
    _, messages = alerts.step({}, NOW + timedelta(minutes=7), 0)
    assert messages == [
        Message("x", True, "over after 7 min: it broke", NOW + timedelta(minutes=7))
    ]


@given(st.lists(st.sampled_from([ON, OFF, UNKNOWN]), max_size=60), st.sampled_from([0.0, 20.0]))
def test_beginnings_and_ends_always_alternate(looks: list[bool | None], after: float) -> None:
    told = [ended for _, ended in tell(*looks, after=after)]
    assert told == [bool(number % 2) for number in range(len(told))]
