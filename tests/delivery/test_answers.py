"""Answers to senders of invalid and malformed drops, from the group back into the group."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from monitor.answers.texts import MARK
from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY, MOHADIN
from tests.delivery.homes import Home
from tests.delivery.monitors import Monitor, settle_afresh
from tests.delivery.projects import add_settings, import_drops, write_projects
from tests.delivery.services import Service
from tests.delivery.waiting import until
from tests.receivers import Mode, Receiver, refusing_url

pytestmark = pytest.mark.service

LISTED, UNLISTED = "DR1000001", "DR1000009"


@pytest.fixture
def sender() -> Iterator[Receiver]:
    """Run the sender service."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def bridge_api() -> Iterator[Receiver]:
    """Run the bridge's own HTTP side."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def _answers(home: Home, bridge: BridgeWriter, sender: Receiver, bridge_api: Receiver) -> None:
    bridge.post(LAWLEY, "good morning")
    write_projects(home, Lawley={"validate": True, "answers": True})
    add_settings(
        home,
        ENABLE_WHATSAPP_MESSAGES="true",
        WHATSAPP_SENDER_URL=sender.url,
        WHATSAPP_BRIDGE_URL=bridge_api.url,
    )
    import_drops(home, LISTED)


def states(home: Home) -> list[str]:
    return sorted(row[0] for row in home.store.query("SELECT state FROM wa_monitor_answers"))


@contextmanager
def live(home: Home) -> Iterator[Service]:
    """Run the service, for which all that is in the bridge by now is settled history."""
    settle_afresh(home)
    with Service(home) as service:
        service.wait_for("Delivery goes on")
        yield service


def test_the_sender_is_told_in_the_group(
    home: Home, bridge: BridgeWriter, sender: Receiver, bridge_api: Receiver
) -> None:
    with live(home) as service:
        bridge.map_lid("10000000000001", "27000000009")
        bridge.post(LAWLEY, f"{LISTED} and {UNLISTED} and DR1000008", sender="10000000000001")
        bridge.post(LAWLEY, "DR12345", sender="27000000003")
        bridge.post(MOHADIN, "DR12345")
        service.wait_until(lambda: states(home) == ["sent", "sent"], "both are sent")
        code, seconds = service.stop()
        assert (code, seconds < 1.0) == (0, True)
    assert [each.path for each in sender.requests] == ["/send-message"] * 2
    # Those of one moment go in any order.
    payloads = [each.payload for each in sender.requests]
    second, first = sorted(payloads, key=lambda each: str(each["recipient_jid"]))
    assert first["group_jid"] == second["group_jid"] == LAWLEY
    assert first["recipient_jid"] == "27000000009@s.whatsapp.net"
    assert first["message"].startswith(f"{MARK}@27000000009 {UNLISTED}, DR1000008 is not")
    assert second["recipient_jid"] == "27000000003@s.whatsapp.net"
    assert "DR12345" in second["message"]
    assert bridge_api.requests == []
    told = home.ask("answers").stdout
    assert "answers are on; 2 sent" in told
    assert not any("DR12345" in line or "27000000003" in line for line in service.lines)


def test_the_bridge_sends_what_the_sender_service_surely_did_not(
    home: Home, bridge: BridgeWriter, sender: Receiver, bridge_api: Receiver
) -> None:
    sender.mode = "unavailable"
    with live(home) as service:
        bridge.post(LAWLEY, UNLISTED)
        service.wait_until(lambda: states(home) == ["sent"], "it is sent")
    (request,) = bridge_api.requests
    assert request.path == "/api/send"
    assert request.payload["recipient"] == LAWLEY
    assert UNLISTED in request.payload["message"]


@pytest.mark.parametrize("mode", ["fail", "cut after", "timed out"])
def test_what_may_have_been_sent_is_not_sent_again(
    home: Home, bridge: BridgeWriter, sender: Receiver, bridge_api: Receiver, mode: Mode
) -> None:
    sender.mode = mode
    with live(home) as service:
        bridge.post(LAWLEY, UNLISTED)
        service.wait_until(lambda: states(home) == ["unknown"], "it is given up")
        service.wait_for("may have been sent")
    with Service(home) as service:
        service.wait_for("Delivery goes on")
        time.sleep(0.3)
    assert len(sender.requests) == 1
    assert bridge_api.requests == []


def test_a_sender_that_hangs_holds_no_drop_up(
    home: Home, bridge: BridgeWriter, sender: Receiver
) -> None:
    sender.mode = "hang"
    with live(home) as service:
        bridge.post(LAWLEY, UNLISTED)
        service.wait_until(lambda: sender.requests, "the answer hangs")
        before = time.monotonic()
        bridge.post(LAWLEY, LISTED)
        service.wait_until(lambda: home.store.holds(LISTED), "the drop is there")
        assert time.monotonic() - before < 2.0
        code, seconds = service.stop()
        assert (code, seconds < 1.0) == (0, True)
    assert states(home) == ["sending"]


def test_killed_while_sending_it_is_never_sent_again(
    home: Home, bridge: BridgeWriter, sender: Receiver
) -> None:
    sender.mode = "hang"
    with live(home) as service:
        bridge.post(LAWLEY, UNLISTED)
        service.wait_until(lambda: sender.requests, "the answer hangs")
        service.send(signal.SIGKILL)
        service.process.wait()
    sender.mode = "accept"
    long_ago = (datetime.now(UTC) - timedelta(minutes=3)).isoformat().replace("+00:00", "Z")
    home.store.query(f"UPDATE wa_monitor_answers SET claimed_at = '{long_ago}'")
    with Service(home) as service:
        service.wait_until(lambda: states(home) == ["unknown"], "it is given up")
    assert len(sender.requests) == 1


def test_an_answer_waits_while_bridge_and_sender_are_down(
    home: Home, bridge: BridgeWriter, sender: Receiver, bridge_api: Receiver
) -> None:
    add_settings(home, WHATSAPP_SENDER_URL=refusing_url(), WHATSAPP_BRIDGE_URL=refusing_url())
    with live(home) as service:
        bridge.post(LAWLEY, UNLISTED)
        service.wait_for("Answer not sent")
        service.wait_until(lambda: states(home) == ["queued"], "that is recorded")
        service.send(signal.SIGKILL)
        service.process.wait()
    assert states(home) == ["queued"]
    add_settings(home, WHATSAPP_SENDER_URL=sender.url)
    with Service(home) as service:
        service.wait_until(lambda: states(home) == ["sent"], "it is sent", 15)
    assert len(sender.texts) == 1


def test_a_message_from_while_the_monitor_was_away_is_answered(
    home: Home, bridge: BridgeWriter, sender: Receiver
) -> None:
    bridge.post(LAWLEY, LISTED)
    settle_afresh(home)
    bridge.post(LAWLEY, UNLISTED)
    settle_afresh(home)
    assert states(home) == ["queued"]


def test_history_is_not_answered(home: Home, bridge: BridgeWriter) -> None:
    for _ in range(3):
        bridge.post(LAWLEY, UNLISTED)
    settle_afresh(home)
    assert home.store.query("SELECT count(*) FROM invalid_drop_submissions") == [(3,)]
    assert states(home) == []


def test_what_is_late_is_not_answered(home: Home, bridge: BridgeWriter) -> None:
    settle_afresh(home)
    bridge.post(LAWLEY, UNLISTED, timestamp=datetime.now(UTC) - timedelta(minutes=16))
    settle_afresh(home)
    assert len(home.store.ledger()) == 1
    assert states(home) == []


REREADS = ["state", "state of another group", "vacuum", "new file", "lost store", "replay", "audit"]


@pytest.mark.parametrize("how", REREADS)
def test_reading_again_answers_nobody(home: Home, bridge: BridgeWriter, how: str) -> None:
    settle_afresh(home)
    state = home.state_path.read_text()
    ids = [bridge.post(LAWLEY, "good morning") for _ in range(40)]
    ids += [bridge.post(LAWLEY, UNLISTED), bridge.post(LAWLEY, "DR12345")]
    settle_afresh(home)
    assert states(home) == ["queued", "queued"]
    home.store.query("DELETE FROM wa_monitor_answers")
    home.store.query("DELETE FROM wa_monitor_ledger")
    home.store.query("DELETE FROM wa_monitor_malformed")
    match how:
        case "state":
            home.state_path.write_text(state)
        case "state of another group":
            home.state_path.write_text(f'{{"{LAWLEY}": "{ids[0]}"}}\n')
        case "vacuum":
            bridge.delete_newest(0)
            bridge.redeliver(ids[0], LAWLEY)
            bridge.redeliver(ids[-1], LAWLEY)
            bridge.vacuum()
        case "new file":
            bridge.replace_file()
            for message_id, text in zip(ids, ["DR12", *[UNLISTED] * 41], strict=True):
                bridge.post(LAWLEY, text, message_id=message_id)
        case "lost store":
            home.store.query("DELETE FROM wa_monitor_positions")
            home.store.query("DELETE FROM wa_monitor_cursors")
        case "replay":
            assert home.ask("replay", "--group", "Lawley", "--since", "2025-01-01").returncode == 0
        case "audit":
            home.ask("audit", "--repair")
    settle_afresh(home)
    assert home.store.query("SELECT count(*) FROM wa_monitor_ledger") != [(0,)]
    assert states(home) == []
    bridge.post(LAWLEY, "DR1000007")
    settle_afresh(home)
    assert states(home) == ["queued"]


def test_a_re_read_that_is_killed_midway_answers_nobody_afterwards(
    home: Home, bridge: BridgeWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.service.intake.BATCH_ROWS", 2)
    monkeypatch.setattr("monitor.bridge.reader.CHUNK_ROWS", (2, 2))
    for _ in range(10):
        bridge.post(LAWLEY, UNLISTED)
    monitor = Monitor(home)
    assert monitor.delivery.advance()
    monitor.close()
    settle_afresh(home)
    assert len(home.store.ledger()) == 10
    assert states(home) == []


def test_two_hosts_answer_once(
    home: Home, bridge: BridgeWriter, sender: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if home.database_url is None:
        return_home = tmp_path_factory.mktemp("other") / "home"
        other = Home(return_home, return_home.parent / "bridge" / "messages.db")
        (other.path / "drops.db").symlink_to(home.path / "drops.db")
    else:
        folder = tmp_path_factory.mktemp("other")
        other = Home(folder / "home", folder / "bridge" / "messages.db", home.database_url)
    write_projects(other, Lawley={"validate": True, "answers": {"per_minute": 60}})
    write_projects(home, Lawley={"validate": True, "answers": {"per_minute": 60}})
    add_settings(
        other,
        ENABLE_WHATSAPP_MESSAGES="true",
        WHATSAPP_SENDER_URL=sender.url,
        WA_MONITOR_INSTANCE="other",
    )
    with BridgeWriter(other.bridge_path, fsync=False) as other_bridge:
        settle_afresh(home)
        settle_afresh(other)
        with Service(home) as one, Service(other) as two:
            one.wait_for("Delivery goes on")
            two.wait_for("Delivery goes on")
            for number in range(30):
                message = bridge.post(LAWLEY, f"DR{2_000_000 + number}")
                other_bridge.post(LAWLEY, f"DR{2_000_000 + number}", message_id=message)
            one.wait_until(lambda: states(home) == ["sent"] * 30, "all are sent", 30)
    assert len(sender.texts) == len(set(sender.texts)) == 30


def test_a_group_gets_no_more_than_its_rate(
    home: Home, bridge: BridgeWriter, sender: Receiver
) -> None:
    write_projects(home, Lawley={"validate": True, "answers": {"per_minute": 2}})
    with live(home) as service:
        for number in range(6):
            bridge.post(LAWLEY, f"DR{2_000_000 + number}")
        until(lambda: states(home) == ["queued"] * 4 + ["sent"] * 2, "two are sent")
        time.sleep(1.5)
        assert len(sender.texts) == 2
        home.store.query(
            "UPDATE wa_monitor_answers SET claimed_at = '2025-11-10T04:00:00.000000Z'"
            " WHERE state = 'sent'"
        )
        service.wait_until(lambda: len(sender.texts) == 4, "two more are sent")


def test_an_outage_is_not_followed_by_a_flood_of_stale_answers(
    home: Home, bridge: BridgeWriter, sender: Receiver
) -> None:
    settle_afresh(home)
    for number in range(5):
        bridge.post(LAWLEY, f"DR{2_000_000 + number}")
    settle_afresh(home)
    assert states(home) == ["queued"] * 5
    home.store.query("UPDATE wa_monitor_answers SET expires_at = '2025-11-10T04:00:00.000000Z'")
    with Service(home) as service:
        service.wait_until(lambda: states(home) == ["expired"] * 5, "they are put away")
    assert sender.requests == []


@pytest.mark.parametrize("switch", ["false", "", "dry-run"])
def test_the_kill_switch_and_the_dry_run(
    home: Home, bridge: BridgeWriter, sender: Receiver, bridge_api: Receiver, switch: str
) -> None:
    add_settings(home, ENABLE_WHATSAPP_MESSAGES=switch)
    with live(home) as service:
        bridge.post(LAWLEY, UNLISTED)
        bridge.post(LAWLEY, LISTED)
        service.wait_until(lambda: home.store.holds(LISTED), "the drop is there")
        if switch == "dry-run":
            service.wait_for("Answer would be sent")
            service.wait_until(lambda: states(home) == ["rehearsed"], "it is rehearsed")
        else:
            time.sleep(0.3)
            assert states(home) == []
    assert sender.requests == bridge_api.requests == []


def test_no_answer_is_taken_for_a_drop_whoever_sent_it(
    home: Home, bridge: BridgeWriter, sender: Receiver
) -> None:
    with live(home) as service:
        bridge.post(LAWLEY, UNLISTED)
        bridge.post(LAWLEY, "DR12345")
        service.wait_until(lambda: len(sender.texts) == 2, "both are answered")
        for number, text in enumerate(sender.texts):
            # The same account, the sender service's own, and that of the other host's bridge.
            bridge.post(LAWLEY, text, is_from_me=True)
            bridge.post(LAWLEY, text, sender="27000000077")
            bridge.post(LAWLEY, f"@27000000001 {text}", sender=f"2700000008{number}")
        bridge.post(LAWLEY, LISTED)
        service.wait_until(lambda: home.store.holds(LISTED), "what comes after is there")
        time.sleep(0.2)
    assert len(home.store.ledger()) == 2
    assert len(home.store.malformed()) == 1
    assert len(sender.texts) == 2


def test_texts_of_the_project_and_silence(
    home: Home, bridge: BridgeWriter, sender: Receiver
) -> None:
    answers = {"invalid": "{drop} hoort nie by {project} nie, {mention}", "malformed": False}
    write_projects(home, Lawley={"validate": True, "answers": answers})
    with live(home) as service:
        bridge.post(LAWLEY, "DR12345")
        bridge.post(LAWLEY, UNLISTED)
        service.wait_until(lambda: states(home) == ["sent"], "one is sent")
    assert sender.texts == [f"{MARK}{UNLISTED} hoort nie by Lawley nie, @27000000001"]
