"""Answers that fail, or whose fate nobody knows, are counted, shown and told of."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY
from tests.delivery.homes import Home
from tests.delivery.monitors import settle_afresh
from tests.delivery.projects import import_drops, write_projects
from tests.delivery.services import Service
from tests.delivery.waiting import until
from tests.receivers import Receiver, refusing_url
from tests.watching.web import Web
from tests.watching.webhook import Webhook

pytestmark = pytest.mark.service

LISTED, UNLISTED = "DR1000001", "DR1000009"
SOON = 45.0


@pytest.fixture
def sender() -> Iterator[Receiver]:
    """Run the sender service."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def home(
    make_home: Callable[..., Home],
    bridge: BridgeWriter,
    webhook: Webhook,
    sender: Receiver,
    database_url: str,
) -> Home:
    """Lay out a home that answers in Lawley, and whose alerts come soon."""
    home = make_home(
        database_url, ALERT_URLS=webhook.url, ALERT_AFTER="2", ENABLE_WHATSAPP_MESSAGES="true",
        WHATSAPP_SENDER_URL=sender.url, WHATSAPP_BRIDGE_URL=refusing_url(),
    )  # fmt: skip
    bridge.post(LAWLEY, "good morning")
    write_projects(home, Lawley={"validate": True, "answers": True})
    import_drops(home, LISTED)
    settle_afresh(home)
    return home


def test_an_answer_that_may_have_been_sent_is_told_of_for_an_hour(
    home: Home, bridge: BridgeWriter, webhook: Webhook, sender: Receiver
) -> None:
    sender.mode = "fail"
    web = Web(home)
    with Service(home):
        web.wait_until_ready()
        found = web.metrics()
        assert found['wa_monitor_answers{project="Lawley",state="unknown"}'] == 0
        assert found['wa_monitor_answers_mode{mode="on"}'] == 1
        assert found['wa_monitor_answers_mode{mode="off"}'] == 0
        bridge.post(LAWLEY, UNLISTED)
        until(lambda: webhook.taken, "an alert arrives", 15)  # no look is waited for
        assert webhook.titles()[0].endswith("answers failing alert")
        assert "1 may or may not have been sent" in webhook.taken[0]["message"]
        assert web.metrics()['wa_monitor_answers{project="Lawley",state="unknown"}'] == 1
        answers = web.status()["answers"]
        assert (answers["numbers"]["unknown"], answers["recent"]["unknown"]) == (1, 1)
        assert answers["projects"]["Lawley"]["unknown"] == 1
        assert "fault answers are on; 1 unknown" in home.ask("status").stdout
        before = (datetime.now(UTC) - timedelta(minutes=61)).isoformat()
        home.store.query(f"UPDATE wa_monitor_answers SET finished_at = '{before}'")
        until(lambda: web.ask("/") and len(webhook.taken) == 2, "its end is told of", SOON)
        assert webhook.titles()[1].endswith("answers failing over")
        assert web.status()["answers"]["recent"]["unknown"] == 0
        assert web.status()["answers"]["numbers"]["unknown"] == 1
    assert UNLISTED not in str(webhook.taken)


def test_answers_that_nobody_takes_are_told_of_until_somebody_does(
    home: Home, bridge: BridgeWriter, webhook: Webhook, sender: Receiver
) -> None:
    sender.mode = "unavailable"
    web = Web(home)
    with Service(home):
        web.wait_until_ready()
        bridge.post(LAWLEY, UNLISTED)
        until(lambda: web.ask("/") and webhook.taken, "an alert arrives", SOON)
        assert "1 cannot be sent and are tried again" in webhook.taken[0]["message"]
        assert web.metrics()['wa_monitor_answers{project="Lawley",state="retrying"}'] == 1
        sender.mode = "accept"
        until(lambda: web.ask("/") and len(webhook.taken) == 2, "its end is told of", SOON)
        assert web.metrics()['wa_monitor_answers{project="Lawley",state="sent"}'] == 1


def test_tried_in_vain_until_too_late_is_failed_and_never_tried_is_expired(
    home: Home, bridge: BridgeWriter, sender: Receiver
) -> None:
    bridge.post(LAWLEY, UNLISTED)
    bridge.post(LAWLEY, "DR1000008")
    settle_afresh(home)
    home.store.query("UPDATE wa_monitor_answers SET expires_at = '2025-11-10T04:00:00Z'")
    home.store.query(
        "UPDATE wa_monitor_answers SET attempts = 3, error = 'refused' WHERE message_id ="
        " (SELECT min(message_id) FROM wa_monitor_answers)"
    )
    web = Web(home)
    with Service(home) as service:
        web.wait_until_ready()
        service.wait_until(
            lambda: web.status()["answers"]["numbers"]["expired"] == 1, "they are put away"
        )
        assert web.status()["answers"]["numbers"]["failed"] == 1
        assert web.status()["answers"]["recent"] == {"unknown": 0, "failed": 1}
    assert sender.requests == []
