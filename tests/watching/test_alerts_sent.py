"""Alerts arrive at a real receiver, once, and a failing one never hurts delivery."""

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY
from tests.delivery.homes import Home
from tests.delivery.services import Service
from tests.delivery.waiting import until
from tests.postgres_server import PostgresServer
from tests.watching.web import Web
from tests.watching.webhook import TOKEN, Webhook

pytestmark = pytest.mark.service

SOON = 45.0
"""Looks and steps are seconds apart, and a process is started for each message."""


def test_a_damaged_state_file_is_told_of_once_over_restarts(
    make_home: Callable[..., Home], bridge: BridgeWriter, webhook: Webhook
) -> None:
    home = make_home(ALERT_URLS=webhook.url)
    bridge.post(LAWLEY, "DR1752028")
    with Service(home) as service:
        service.wait_until(home.state_path.exists, "state.json is written")
        Web(home).wait_until_ready()
        home.state_path.write_text("{ damaged by hand")
        until(lambda: webhook.taken, "an alert arrives", SOON)
        (alert,) = webhook.taken
        assert alert["title"].endswith("state corrupt alert")
        assert "state.json.corrupt-" in alert["message"]
        assert Web(home).metrics()['wa_monitor_alert_active{alert="state_corrupt"}'] == 1
        until(lambda: "state corrupt" in Web(home).ask("/").text, "the page shows it")
        # Until then, a process that ends does not know that the message has been taken.
        until(lambda: Web(home).metrics()["wa_monitor_alert_messages_total"] == 1, "it is settled")
        assert service.stop()[0] == 0
    with Service(home) as service:
        service.wait_for("Loaded state")
        until(
            lambda: "alert    state_corrupt since" in home.ask("status").stdout,
            "the alert is still on",
        )
        time.sleep(12)  # two steps of the alerts: time enough for a second message
        assert len(webhook.taken) == 1
        assert TOKEN not in "\n".join(service.lines)


def test_a_store_that_is_down_and_back_makes_two_messages(
    make_home: Callable[..., Home],
    bridge: BridgeWriter,
    webhook: Webhook,
    postgres: PostgresServer,
    database_url: str,
) -> None:
    home = make_home(database_url, ALERT_URLS=webhook.url, ALERT_AFTER="2")
    with Service(home) as service:
        Web(home).wait_until_ready()
        postgres.stop(immediate=True)
        bridge.post(LAWLEY, "DR1752028")
        until(lambda: len(webhook.taken) == 1, "the outage is told of", SOON)
        assert Web(home).status_of("/readyz") == 503
        assert Web(home).status_of("/healthz") == 200
        postgres.start()
        service.wait_until(
            lambda: home.store.ready() and home.store.drops() == ["DR1752028"], "it catches up"
        )
        until(lambda: len(webhook.taken) == 2, "its end is told of", SOON)
        assert [title.rpartition(": ")[2] for title in webhook.titles()] == [
            "store down alert",
            "store down over",
        ]
        assert Web(home).metrics()["wa_monitor_store_errors_total"] > 0


def test_a_failing_channel_hurts_nothing_and_gets_the_message_later(
    make_home: Callable[..., Home], bridge: BridgeWriter, webhook: Webhook
) -> None:
    home = make_home(ALERT_URLS=webhook.url)
    webhook.status = 500
    bridge.post(LAWLEY, "DR1752028", timestamp="no time at all")
    with Service(home) as service:
        service.wait_for("Alert not sent", SOON)
        assert webhook.taken == []
        bridge.post(LAWLEY, "DR1752034")
        service.wait_until(lambda: home.store.drops() == ["DR1752034"], "delivery goes on")
        assert Web(home).metrics()["wa_monitor_alert_failures_total"] >= 1
        webhook.status = 200
        until(lambda: webhook.taken, "the message arrives after all", SOON)
        assert webhook.titles()[0].endswith("dead letters alert")


def test_a_channel_that_hangs_holds_up_nobody_and_shows_no_secret(
    make_home: Callable[..., Home], bridge: BridgeWriter, webhook: Webhook
) -> None:
    home = make_home(ALERT_URLS=webhook.url)
    webhook.gate.clear()
    bridge.post(LAWLEY, "DR1752028", timestamp="no time at all")
    with Service(home) as service:
        until(lambda: webhook.tries, "the channel is asked", SOON)
        arguments = [text for pid in Path("/proc").glob("[0-9]*") if (text := _arguments(pid))]
        assert any("monitor.alerts.send" in text for text in arguments)
        assert not any(TOKEN in text for text in arguments)
        posted = time.monotonic()
        bridge.post(LAWLEY, "DR1752034")
        service.wait_until(lambda: home.store.drops() == ["DR1752034"], "delivery goes on")
        assert time.monotonic() - posted < 2
        code, took = service.stop()
        assert (code, took < 1.0) == (0, True)
        assert TOKEN not in "\n".join(service.lines)
    shown = home.ask("config", "show").stdout
    assert "alerts         1 channels" in shown
    assert TOKEN not in shown


def _arguments(process: Path) -> str:
    with suppress(OSError):
        return (process / "cmdline").read_text(errors="replace")
    return ""


def test_a_restart_loop_is_told_of(
    make_home: Callable[..., Home], bridge: BridgeWriter, webhook: Webhook
) -> None:
    home = make_home(ALERT_URLS=webhook.url, ALERT_RESTARTS="4")
    for _ in range(4):
        with Service(home) as service:
            service.wait_for("HTTP served")
            service.send(signal.SIGKILL)
            service.process.wait()
    assert webhook.taken == []
    with Service(home):
        until(lambda: webhook.taken, "an alert arrives", SOON)
        assert webhook.titles()[0].endswith("restart loop alert")
        assert Web(home).metrics()["wa_monitor_restarts_total"] == 4
