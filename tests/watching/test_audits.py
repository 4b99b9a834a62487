"""The service audits itself, and puts right what is missing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY
from monitor.service.audit_schedule import AuditSchedule, read_audit
from monitor.service.intake import Projects
from monitor.settings.environment import load_environment
from monitor.settings.projects import load_projects
from monitor.store.open import open_store
from tests.delivery.homes import Home
from tests.delivery.monitors import settle_afresh
from tests.delivery.services import Service
from tests.delivery.waiting import until
from tests.watching.web import Web
from tests.watching.webhook import Webhook

pytestmark = pytest.mark.service

both_stores = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


def schedule_of(home: Home) -> AuditSchedule:
    environment = load_environment(home.path, {})
    projects = Projects(load_projects(environment.projects_path))
    return AuditSchedule(environment, projects, lambda: open_store(environment))


def forget(home: Home, drop: str) -> None:
    """Take a drop out of the store behind everybody's back."""
    for table in ("wa_monitor_ledger", "qa_photo_reviews"):
        home.store.query(f"DELETE FROM {table} WHERE drop_number = '{drop}'")


@pytest.fixture
def home(request: pytest.FixtureRequest, make_home: Callable[..., Home], kind: str) -> Home:
    return make_home(request.getfixturevalue("database_url") if kind == "postgresql" else None)


@both_stores
def test_what_is_missing_is_found_taken_in_and_then_gone(home: Home, bridge: BridgeWriter) -> None:
    bridge.post(LAWLEY, "DR1752028 DR1752034")
    bridge.post(LAWLEY, "DR1752040")
    settle_afresh(home)
    schedule = schedule_of(home)
    assert (schedule.audit_once().submissions, schedule.audit_once().missed) == (3, 0)
    forget(home, "DR1752034")
    record = schedule.audit_once()
    assert (record.missed, record.repaired, schedule.repaired.drops) == (1, 1, 1)
    assert home.store.drops() == ["DR1752028", "DR1752034", "DR1752040"]
    assert schedule.audit_once().missed == 0


@both_stores
def test_what_is_still_to_come_is_not_missing(home: Home, bridge: BridgeWriter) -> None:
    schedule = schedule_of(home)
    bridge.post(LAWLEY, "DR1752028")
    settle_afresh(home)
    bridge.post(LAWLEY, "DR1752034")
    assert schedule.audit_once().missed == 0
    assert home.store.drops() == ["DR1752028"]


@both_stores
def test_what_is_older_than_the_audits_days_is_left_alone(home: Home, bridge: BridgeWriter) -> None:
    bridge.post(LAWLEY, "DR1752028", timestamp=datetime.now(UTC) - timedelta(days=40))
    settle_afresh(home)
    forget(home, "DR1752028")
    assert schedule_of(home).audit_once().missed == 0


@pytest.mark.parametrize("kind", ["sqlite"])
def test_an_audit_that_cannot_be_made_says_so(home: Home, bridge: BridgeWriter) -> None:
    settle_afresh(home)
    bridge.close()
    home.bridge_path.unlink()
    assert "does not exist" in schedule_of(home).audit_once().error


def test_a_running_service_finds_repairs_and_tells(
    make_home: Callable[..., Home], bridge: BridgeWriter, webhook: Webhook
) -> None:
    home = make_home(AUDIT_INTERVAL="10", ALERT_URLS=webhook.url, ALERT_AFTER="2")
    bridge.post(LAWLEY, "DR1752028")
    with Service(home) as service:
        service.wait_until(lambda: home.store.ready() and home.store.drops(), "it is delivered")
        forget(home, "DR1752028")
        service.wait_until(
            lambda: home.store.drops() == ["DR1752028"], "the audit takes it in again", 30
        )
        until(lambda: len(webhook.taken) == 2, "its beginning and its end are told of", 60)
        assert "1 of 1 submissions missing" in webhook.taken[0]["message"]
        assert webhook.titles()[1].endswith("audit difference over")
        assert Web(home).metrics()['wa_monitor_audit_repaired_total{project="Lawley"}'] == 1
        record = read_audit(home.path)
        assert record is not None
        assert record.missed == 0


def test_repair_can_be_left_to_the_operator(
    make_home: Callable[..., Home], bridge: BridgeWriter
) -> None:
    home = make_home(AUDIT_REPAIR="false")
    bridge.post(LAWLEY, "DR1752028")
    settle_afresh(home)
    forget(home, "DR1752028")
    record = schedule_of(home).audit_once()
    assert (record.missed, record.repaired) == (1, 0)
    assert home.store.drops() == []
