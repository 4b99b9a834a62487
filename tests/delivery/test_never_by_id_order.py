"""Message ids are random: where one sorts says nothing about what came after it."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import NamedTuple

import pytest

from monitor.demo.bridge_writer import BridgeWriter, new_message_id
from monitor.demo.groups import LAWLEY
from tests.delivery.homes import Home
from tests.delivery.monitors import Monitor, settle_afresh
from tests.delivery.old_system import LOST_DROPS, STATE, leave_table
from tests.delivery.stores import assert_exactly

LOW_ID = "00000000000000000000000000000000"
HIGH_ID = "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
LATER = datetime(2025, 11, 10, 4, 47, 3, tzinfo=UTC)

Submission = tuple[str, str, str]


class History(NamedTuple):
    """What was posted before the old system's last messages, those, and what came later."""

    before: list[Submission]
    last: list[Submission]
    later: list[Submission]


def post_history(bridge: BridgeWriter, *, keep_last: bool) -> History:
    """Post around the old cursors; without `keep_last` their messages are not in the file."""
    numbers = count(1_000_000)
    history = History([], [], [])
    moment = LATER - timedelta(days=1)

    def post(part: list[Submission], group: str, message_id: str) -> None:
        nonlocal moment
        moment += timedelta(seconds=1)
        drop = f"DR{next(numbers)}"
        bridge.post(group, f"{drop} done", message_id=message_id, timestamp=moment)
        part.append((group, message_id, drop))

    for _ in range(5):
        for group in STATE:
            post(history.before, group, new_message_id())
    if keep_last:
        for group, message_id in STATE.items():
            post(history.last, group, message_id)
    moment = LATER
    for number in range(25):
        for group in STATE:
            extreme = {3: LOW_ID, 7: HIGH_ID}.get(number)
            post(history.later, group, extreme or new_message_id())
    return history


def test_every_message_at_random_ids_is_seen_whenever_the_monitor_starts(
    home: Home, bridge: BridgeWriter
) -> None:
    submitted: list[Submission] = []
    for number in range(60):
        for group in STATE:
            drop = f"DR{len(submitted) + 100_000}"
            submitted.append((group, bridge.post(group, drop), drop))
        if number % 6 == 0:
            settle_afresh(home)
    settle_afresh(home)
    assert_exactly(home.store, submitted)


@pytest.mark.parametrize("keep_last", [True, False], ids=["present", "absent"])
def test_the_old_cursors_on_a_fresh_store_make_everything_be_read(
    home: Home, bridge: BridgeWriter, keep_last: bool
) -> None:
    home.state_path.write_text(json.dumps(STATE))
    history = post_history(bridge, keep_last=keep_last)
    settle_afresh(home)
    assert_exactly(home.store, history.before + history.last + history.later)
    newest = {group: message for group, message, _ in history.later}
    assert json.loads(home.state_path.read_text()) == newest


@pytest.mark.parametrize("keep_last", [True, False], ids=["present", "absent"])
def test_the_old_cursors_on_an_adopted_store_hide_nothing_that_came_after_them(
    server_home: Home, database_url: str, bridge: BridgeWriter, keep_last: bool
) -> None:
    server_home.state_path.write_text(json.dumps(STATE))
    history = post_history(bridge, keep_last=keep_last)
    old = history.before + history.last
    leave_table(database_url, *(drop for _, _, drop in old))
    settle_afresh(server_home)
    store = server_home.store
    outcomes = store.outcomes()
    assert {
        (message, drop) for (message, drop), outcome in outcomes.items() if outcome == "new"
    } == {(message, drop) for _, message, drop in history.later}
    assert "resubmission" not in outcomes.values()
    assert store.drops() == sorted(drop for _, _, drop in [*old, *history.later])
    # With its message there, a cursor's word is taken; without, all is read again.
    earlier = {(message, drop) for _, message, drop in old} & outcomes.keys()
    assert len(earlier) == (0 if keep_last else len(old))


def test_the_five_drops_that_lawley_lost_are_delivered(
    server_home: Home, database_url: str, bridge: BridgeWriter
) -> None:
    leave_table(database_url, "DR1751999")
    server_home.state_path.write_text(json.dumps({LAWLEY: STATE[LAWLEY]}))
    bridge.post(LAWLEY, "DR1751999", message_id=STATE[LAWLEY], timestamp=LATER)
    monitor = Monitor(server_home)
    ids = [
        "3EB04C8E7A2D91F0A64B",
        "0B7F00C2A9E14D5588D1A7E3F2C49B60",
        "A5D2930F1C6E4B788210FE34AB9C7D15",
    ]
    ids += ["3EB0AA61F7C2E8D95034", "98E1D0B7C4F2A35560718293A4B5C6D7"]
    for drop, message_id in zip(LOST_DROPS, ids, strict=True):
        assert message_id < STATE[LAWLEY]
        bridge.post(LAWLEY, f"{drop} Lawley", message_id=message_id, timestamp=LATER)
        monitor.settle()
    monitor.close()
    assert set(LOST_DROPS) < set(server_home.store.drops())
    assert json.loads(server_home.state_path.read_text())[LAWLEY] == ids[-1]
