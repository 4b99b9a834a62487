"""The kill switch on a running service: SIGHUP reads .env again, and answers stop at once."""

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY, VELO_TEST
from tests.delivery.homes import Home
from tests.delivery.monitors import settle_afresh
from tests.delivery.projects import add_settings, import_drops, write_projects
from tests.delivery.services import Service
from tests.delivery.test_answers import LISTED, states
from tests.receivers import Receiver

pytestmark = pytest.mark.service


@pytest.fixture
def sender() -> Iterator[Receiver]:
    """Run the sender service."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def home(home: Home, bridge: BridgeWriter, sender: Receiver) -> Home:
    """Lay out a home that answers in Lawley, twice a minute, and has begun to read."""
    return set_up(home, bridge, sender)


def set_up(home: Home, bridge: BridgeWriter, sender: Receiver) -> Home:
    bridge.post(LAWLEY, "good morning")
    write_projects(home, Lawley={"validate": True, "answers": {"per_minute": 2}})
    add_settings(home, ENABLE_WHATSAPP_MESSAGES="true", WHATSAPP_SENDER_URL=sender.url)
    import_drops(home, LISTED)
    settle_afresh(home)
    return home


def switch(home: Home, service: Service, to: str) -> None:
    add_settings(home, ENABLE_WHATSAPP_MESSAGES=to)  # the last line counts
    service.send(signal.SIGHUP)


def free_the_rate(home: Home) -> None:
    """Let two minutes pass for the group's rate."""
    before = (datetime.now(UTC) - timedelta(minutes=2)).isoformat().replace("+00:00", "Z")
    home.store.query(f"UPDATE wa_monitor_answers SET claimed_at = '{before}' WHERE state = 'sent'")


def test_off_stops_what_waits_and_on_goes_on_with_what_is_new(
    home: Home, bridge: BridgeWriter, sender: Receiver
) -> None:
    with Service(home) as service:
        service.wait_for("Delivery goes on")
        for number in range(3):
            bridge.post(LAWLEY, f"DR{2_000_000 + number}")
        service.wait_until(lambda: states(home) == ["queued", "sent", "sent"], "two are sent")
        switch(home, service, "false")
        service.wait_for('event="Settings reloaded" answers=off', 3)
        free_the_rate(home)
        bridge.post(LAWLEY, "DR2000003")
        bridge.post(LAWLEY, LISTED)
        service.wait_until(lambda: home.store.holds(LISTED), "what came after is there")
        time.sleep(2.5)  # a full group is asked for again each second
        assert states(home) == ["queued", "sent", "sent"]
        assert len(sender.requests) == 2
        assert "answers are off; 1 queued, 2 sent" in home.ask("status").stdout
        assert "answers are off; 1 queued, 2 sent" in home.ask("answers").stdout
        switch(home, service, "true")
        service.wait_for('event="Settings reloaded" answers=on')
        bridge.post(LAWLEY, "DR2000004")
        service.wait_until(lambda: len(sender.requests) == 4, "the rest is sent")
        assert not any("DR2000003" in text for text in sender.texts)
        assert "answers are on; 4 sent" in home.ask("status").stdout
        assert len(service.said("Delivery goes on")) == 3  # each reload asks for the place
        code, seconds = service.stop()
        assert (code, seconds < 1.0) == (0, True)


def test_a_dry_run_sends_nothing_from_now_on(
    home: Home, bridge: BridgeWriter, sender: Receiver
) -> None:
    with Service(home) as service:
        service.wait_for("Delivery goes on")
        switch(home, service, "dry-run")
        service.wait_for('event="Settings reloaded" answers=dry-run')
        bridge.post(LAWLEY, "DR2000000")
        service.wait_until(lambda: states(home) == ["rehearsed"], "it is rehearsed")
    assert sender.requests == []


def test_a_service_that_started_without_answers_begins_to_send(
    home: Home, bridge: BridgeWriter, sender: Receiver
) -> None:
    add_settings(home, ENABLE_WHATSAPP_MESSAGES="false")
    with Service(home) as service:
        service.wait_for("Delivery goes on")
        bridge.post(LAWLEY, "DR2000000")
        service.wait_for("Settled")
        switch(home, service, "true")
        service.wait_for('event="Settings reloaded" answers=on')
        bridge.post(LAWLEY, "DR2000001")
        service.wait_until(lambda: states(home) == ["sent"], "it is sent")
    assert len(sender.texts) == 1
    assert "DR2000001" in sender.texts[0]


def test_a_bad_file_is_refused_and_the_old_settings_stay(
    home: Home, bridge: BridgeWriter, sender: Receiver
) -> None:
    text = (home.path / ".env").read_text()
    with Service(home) as service:
        service.wait_for("Delivery goes on")
        switch(home, service, "perhaps")
        line = len(text.splitlines()) + 1
        service.wait_for(
            f'level=error event="Settings not reloaded: the old ones stay".*env:{line}.*perhaps'
        )
        # The projects are another file, and are read again all the same.
        service.wait_for("Projects reloaded")
        bridge.post(LAWLEY, "DR2000000")
        service.wait_until(lambda: states(home) == ["sent"], "answers are on as before")
        (home.path / ".env").write_text(text)
        switch(home, service, "false")
        service.wait_for('event="Settings reloaded" answers=off')


def test_bad_projects_do_not_keep_the_switch_from_being_heeded(
    home: Home, bridge: BridgeWriter, sender: Receiver
) -> None:
    with Service(home) as service:
        service.wait_for("Delivery goes on")
        (home.path / "config" / "projects.yaml").write_text("projects: [")
        switch(home, service, "false")
        service.wait_for("Projects not reloaded")
        bridge.post(LAWLEY, "DR2000000")
        service.wait_for("Settled.* invalid=1")
        time.sleep(0.5)
    assert states(home) == []
    assert sender.requests == []


def test_other_settings_are_said_to_take_a_restart(home: Home, bridge: BridgeWriter) -> None:
    with Service(home) as service:
        service.wait_for("Delivery goes on")
        service.send(signal.SIGHUP)
        service.wait_for("Projects reloaded")
        assert service.said("take a restart") == []
        add_settings(home, SCAN_INTERVAL="7")
        service.send(signal.SIGHUP)
        service.wait_for("they take a restart")


def test_the_switch_is_heeded_while_the_loop_waits_for_the_database(
    server_home: Home, bridge: BridgeWriter, sender: Receiver
) -> None:
    home = set_up(server_home, bridge, sender)
    assert home.database_url is not None
    with Service(home) as service, closing(psycopg2.connect(home.database_url)) as other:
        service.wait_for("Delivery goes on")
        for number in range(3):
            bridge.post(LAWLEY, f"DR{2_000_000 + number}")
        service.wait_until(lambda: states(home) == ["queued", "sent", "sent"], "two are sent")
        with other, other.cursor() as cursor:
            cursor.execute("LOCK TABLE wa_monitor_ledger IN ACCESS EXCLUSIVE MODE")
            bridge.post(VELO_TEST, "DR3000000")
            time.sleep(0.5)
            switch(home, service, "false")
            service.wait_for('event="Settings reloaded" answers=off', 2)
            free_the_rate(home)
            time.sleep(2.5)
            assert not service.said("Projects reloaded")  # the loop does wait
        service.wait_until(lambda: home.store.holds("DR3000000"), "delivery goes on")
        assert states(home) == ["queued", "sent", "sent"]
    assert len(sender.requests) == 2
