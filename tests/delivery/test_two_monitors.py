"""Two hosts, each with a bridge in the same groups, one database: nothing twice or lost."""

import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from monitor.demo.bridge_writer import BridgeWriter, new_message_id
from monitor.demo.groups import KNOWN_GROUPS
from tests.delivery.homes import Home
from tests.delivery.services import Service
from tests.delivery.stores import assert_exactly

pytestmark = pytest.mark.service

MESSAGES = 600


class Posted(NamedTuple):
    group: str
    message_id: str
    drops: tuple[str, ...]
    text: str


@pytest.fixture
def homes(tmp_path: Path, database_url: str) -> list[Home]:
    """Lay out two homes, each with a bridge's file of its own."""
    return [
        Home(
            tmp_path / host / "home",
            tmp_path / host / "messages.db",
            database_url,
            WA_MONITOR_INSTANCE=f"{host}/prod",
        )
        for host in ("north", "south")
    ]


@pytest.fixture
def told() -> list[Posted]:
    """Make up messages: of one drop, of three, of drops posted before, and of none."""
    dice = random.Random(1)
    found = []
    for number in range(MESSAGES):
        fresh = [f"DR{1_000_000 + 3 * number + offset}" for offset in range(dice.choice([1, 1, 3]))]
        known = [f"DR{1_000_000 + 3 * dice.randrange(number + 1)}"] if number % 4 == 0 else []
        drops = () if number % 9 == 8 else tuple(dict.fromkeys(known + fresh))
        group = dice.choice(list(KNOWN_GROUPS.values()))
        found.append(Posted(group, new_message_id(), drops, f"{' '.join(drops)} done"))
    return found


def shuffled_a_little(told: list[Posted], seed: int) -> Iterator[Posted]:
    """Yield the messages in an order of this bridge's own: neighbours come as they will."""
    dice = random.Random(seed)
    keys = {each.message_id: place + dice.uniform(0, 20) for place, each in enumerate(told)}
    return iter(sorted(told, key=lambda each: keys[each.message_id]))


def post_all(path: Path, told: list[Posted], seed: int) -> None:
    with BridgeWriter(path, wal=seed == 1, fsync=False) as bridge:
        for number, each in enumerate(shuffled_a_little(told, seed)):
            bridge.post(each.group, each.text, message_id=each.message_id)
            if number % 50 == 49:  # some are delivered twice, under a new rowid
                bridge.redeliver(each.message_id, each.group)


def check(homes: list[Home], told: list[Posted]) -> None:
    expected = [(each.group, each.message_id, drop) for each in told for drop in each.drops]
    assert_exactly(homes[0].store, expected)
    outcomes = list(homes[0].store.outcomes().values())
    assert outcomes.count("new") == len({drop for each in told for drop in each.drops})


def all_settled(home: Home, count: int) -> bool:
    return home.store.query("SELECT count(*) FROM wa_monitor_ledger") == [(count,)]


def test_both_at_work_at_the_same_time(homes: list[Home], told: list[Posted]) -> None:
    count = sum(len(each.drops) for each in told)
    with ExitStack() as stack:
        services = [stack.enter_context(Service(home)) for home in homes]
        for service in services:
            service.wait_for('"Waiting for the bridge"')  # which is not made yet
        bridges = [
            threading.Thread(target=post_all, args=(home.bridge_path, told, seed))
            for seed, home in enumerate(homes)
        ]
        for bridge in bridges:
            bridge.start()
        for bridge in bridges:
            bridge.join()
        services[0].wait_until(lambda: all_settled(homes[0], count), "all is settled")
        for service in services:
            assert service.stop()[0] == 0
            errors = service.said("level=error")
            assert all("Waiting for the bridge" in line for line in errors)
    check(homes, told)
    # Who settled a message is chance; that both read all of theirs is not.
    read_by = homes[0].store.query("SELECT instance FROM wa_monitor_positions")
    assert sorted(read_by) == [("north/prod",), ("south/prod",)]


def test_one_is_killed_and_starts_again_with_a_backlog(
    homes: list[Home], told: list[Posted]
) -> None:
    count = sum(len(each.drops) for each in told)
    middle = MESSAGES // 2
    post_all(homes[0].bridge_path, told[:middle], 0)
    with Service(homes[0]) as first:
        first.wait_for("event=Settled")
        first.process.kill()
    for seed, home in enumerate(homes):
        post_all(home.bridge_path, told, seed)
    with Service(homes[1]) as second, Service(homes[0]) as again:
        for service in (second, again):
            service.wait_for("Delivery goes on")
        second.wait_until(lambda: all_settled(homes[1], count), "all is settled")
        for service in (second, again):
            assert service.stop()[0] == 0
            assert not service.said("level=error")
    check(homes, told)
