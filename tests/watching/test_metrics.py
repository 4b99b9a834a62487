"""The metrics are as Prometheus wants them, and as true as the store."""

import signal
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY, MAMELODI
from tests.delivery.homes import Home
from tests.delivery.services import Service
from tests.watching.web import Web

pytestmark = pytest.mark.service


def test_promtool_has_nothing_to_say(make_home: Callable[..., Home], bridge: BridgeWriter) -> None:
    home = make_home()
    bridge.post(LAWLEY, "DR1752028")
    with Service(home):
        web = Web(home)
        web.wait_until_ready()
        text = web.ask("/metrics").text
    lint = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (lint.returncode, lint.stdout + lint.stderr) == (0, "")


def test_the_numbers_are_those_of_the_store(
    make_home: Callable[..., Home], bridge: BridgeWriter
) -> None:
    home = make_home()
    web = Web(home)
    now = datetime.now(UTC)
    bridge.post(LAWLEY, "DR1752028 DR1752034", timestamp=now - timedelta(seconds=2))
    bridge.post(LAWLEY, "DR1752028 again", timestamp=now)
    bridge.post(LAWLEY, "DR12345 is too short", timestamp=now)
    bridge.post(MAMELODI, "good morning", timestamp=now)
    bridge.post(MAMELODI, "DR1752040", timestamp="no time")
    with Service(home) as service:
        web.wait_until_ready()
        service.wait_for("Settled")
        found = web.metrics()
        assert found["wa_monitor_messages_read_total"] == 5
        assert found['wa_monitor_drops_total{project="Lawley"}'] == 2
        assert found['wa_monitor_drops_total{project="Mamelodi"}'] == 0
        assert found['wa_monitor_resubmissions_total{project="Lawley"}'] == 1
        assert found['wa_monitor_malformed_total{project="Lawley"}'] == 1
        assert found['wa_monitor_messages_set_aside_total{project="Mamelodi"}'] == 1
        assert found['wa_monitor_messages_set_aside_total{project="Lawley"}'] == 0
        assert found["wa_monitor_batch_seconds_count"] == 1
        assert 0 < found["wa_monitor_batch_seconds_sum"] < 5
        assert found["wa_monitor_state_corruptions_total"] == 0
        assert found["wa_monitor_restarts_total"] == 0
        assert found['wa_monitor_info{release="1.0.0",store="sqlite"}'] == 1
        service.wait_until(
            lambda: (
                web.metrics().get('wa_monitor_dead_letters{project="Mamelodi"}') == 1
                and web.metrics()['wa_monitor_today_messages{project="Lawley"}'] == 3
            ),
            "a look has seen it all",
            45,
        )
        found = web.metrics()
        assert found['wa_monitor_today_drops{project="Lawley"}'] == 2
        assert found['wa_monitor_today_resubmissions{project="Lawley"}'] == 1
        assert found['wa_monitor_lag_messages{project="Mamelodi"}'] == 0
        assert 0 <= found['wa_monitor_last_message_age_seconds{project="Lawley"}'] < 60
        assert found["wa_monitor_state_saves_total"] >= 1
    with Service(home):
        web.wait_until_ready()
        assert web.metrics()["wa_monitor_restarts_total"] == 1
        assert web.metrics()['wa_monitor_drops_total{project="Lawley"}'] == 0


def test_days_are_told_per_project_whole_and_so_far(
    make_home: Callable[..., Home], bridge: BridgeWriter
) -> None:
    home = make_home()
    web = Web(home)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=5)
    yesterday = today - timedelta(hours=12)
    bridge.post(LAWLEY, "DR1752028 DR1752034", timestamp=yesterday)
    bridge.post(LAWLEY, "morning", timestamp=yesterday)
    bridge.post(LAWLEY, "DR1752028 again", timestamp=today)
    with Service(home) as service:
        web.wait_until_ready()
        service.wait_until(
            lambda: web.metrics().get('wa_monitor_yesterday_messages{project="Lawley"}') == 2,
            "the days are counted",
            45,
        )
        found = web.metrics()
        for what, numbers in {"messages": (2, 1), "drops": (2, 0), "resubmissions": (0, 1)}.items():
            for day, number in zip(("yesterday", "today"), numbers, strict=True):
                assert found[f'wa_monitor_{day}_{what}{{project="Lawley"}}'] == number
                assert found[f'wa_monitor_{day}_{what}{{project="Mamelodi"}}'] == 0


def test_the_projects_that_are_watched_bound_the_label(
    make_home: Callable[..., Home], bridge: BridgeWriter
) -> None:
    home = make_home()
    web = Web(home)
    bridge.post(LAWLEY, "DR1752028")
    bridge.post("120363400000000009@g.us", "DR1752034")  # a group that nobody watches
    with Service(home) as service:
        web.wait_until_ready()
        service.wait_for("Settled")
        home.write_projects({"Phase two": LAWLEY})
        service.send(signal.SIGHUP)
        service.wait_for('event="Projects reloaded" groups=1')
        found = web.metrics()
    drops = {key: value for key, value in found.items() if key.startswith("wa_monitor_drops_total")}
    assert drops == {'wa_monitor_drops_total{project="Phase two"}': 1}


def test_scraping_does_not_ask_the_store(
    make_home: Callable[..., Home], bridge: BridgeWriter, database_url: str
) -> None:
    home = make_home(database_url)
    web = Web(home)
    bridge.post(LAWLEY, "DR1752028")
    with Service(home) as service:
        web.wait_until_ready()
        service.wait_until(lambda: home.store.drops() == ["DR1752028"], "it is delivered")
        web.metrics()
        before = transactions(home)
        for _ in range(50):
            web.metrics()
        assert transactions(home) - before < 20


def transactions(home: Home) -> int:
    """Return how many transactions the database has seen, its statistics brought up to date."""
    home.store.query("SELECT pg_stat_force_next_flush()")
    rows = home.store.query(
        "SELECT xact_commit + xact_rollback FROM pg_stat_database"
        " WHERE datname = current_database()"
    )
    return int(rows[0][0])
