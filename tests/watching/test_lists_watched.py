"""Drops taken in without a check, refused ones, and what nobody can overlook of them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY, MOHADIN
from tests.delivery.homes import Home
from tests.delivery.monitors import Monitor, settle_afresh
from tests.delivery.projects import import_drops, write_projects
from tests.delivery.services import Service
from tests.delivery.waiting import until
from tests.watching.web import Web
from tests.watching.webhook import Webhook

pytestmark = pytest.mark.service

LISTED, ALSO_LISTED, UNLISTED = "DR1000001", "DR1000002", "DR1000009"
SOON = 45.0


@pytest.fixture(params=["sqlite", "postgresql"])
def home(
    request: pytest.FixtureRequest,
    make_home: Callable[..., Home],
    bridge: BridgeWriter,
    webhook: Webhook,
) -> Home:
    """Lay out a home whose Lawley and Mohadin check their drops, and whose alerts come soon."""
    url = request.getfixturevalue("database_url") if request.param == "postgresql" else None
    home = make_home(url, ALERT_URLS=webhook.url, ALERT_AFTER="2")
    bridge.post(LAWLEY, "good morning")
    write_projects(home, Lawley={"validate": True}, Mohadin={"validate": True})
    import_drops(home, LISTED, project="Mohadin")
    return home


def looked(web: Web) -> bool:
    """Have the service look once more, as opening the page does."""
    return web.ask("/").status == 200


def lawley(home: Home) -> dict[str, Any]:
    lists: list[dict[str, Any]] = json.loads(home.ask("status", "--json").stdout)["lists"]
    return {each["project"]: each for each in lists}["Lawley"]


@pytest.mark.parametrize("home", ["postgresql"], indirect=True)
def test_an_empty_list_is_told_of_once_over_restarts_and_so_is_its_end(
    home: Home, bridge: BridgeWriter, webhook: Webhook
) -> None:
    web = Web(home)
    with Service(home) as service:
        web.wait_until_ready()
        assert web.metrics()['wa_monitor_list_unchecked{project="Lawley"}'] == 0
        bridge.post(LAWLEY, f"{LISTED} {UNLISTED}")
        until(lambda: looked(web) and webhook.taken, "an alert arrives", SOON)
        assert webhook.titles()[0].endswith("unchecked alert")
        assert "Lawley 2, for its list of valid drops is empty" in webhook.taken[0]["message"]
        found = web.metrics()
        assert found['wa_monitor_unchecked_total{project="Lawley"}'] == 2
        assert found['wa_monitor_unchecked_total{project="Mohadin"}'] == 0
        assert found['wa_monitor_list_unchecked{project="Lawley"}'] == 1
        assert found['wa_monitor_list_unchecked{project="Mohadin"}'] == 0
        assert found['wa_monitor_list_drops{project="Mohadin"}'] == 1
        assert found['wa_monitor_alert_active{alert="unchecked"}'] == 1
        until(lambda: "Lawley 2, for its list" in web.ask("/").text, "the page shows it")
        until(lambda: web.metrics()["wa_monitor_alert_messages_total"] == 1, "it is settled")
        assert service.stop()[0] == 0
    assert (lawley(home)["unchecked"], lawley(home)["drops"]) == (2, 0)
    assert "2 taken in unchecked since" in home.ask("status").stdout
    with Service(home) as service:
        web.wait_until_ready()
        until(lambda: web.metrics()['wa_monitor_alert_active{alert="unchecked"}'], "it is still on")
        import_drops(home, ALSO_LISTED)
        bridge.post(LAWLEY, ALSO_LISTED)
        service.wait_for('event="Drops are checked again" project=Lawley')
        until(lambda: looked(web) and len(webhook.taken) == 2, "its end is told of", SOON)
        assert webhook.titles()[1].endswith("unchecked over")
        assert web.metrics()['wa_monitor_list_unchecked{project="Lawley"}'] == 0
    assert len(webhook.taken) == 2
    assert lawley(home)["unchecked"] == 0


@pytest.mark.parametrize("home", ["postgresql"], indirect=True)
def test_lists_that_cannot_be_read_are_told_of_and_no_fault_of_the_store(
    home: Home, bridge: BridgeWriter, webhook: Webhook
) -> None:
    home.store.ready()
    settle_afresh(home)
    home.store.query("ALTER TABLE valid_drop_numbers RENAME TO put_aside")
    web = Web(home)
    with Service(home) as service:
        web.wait_until_ready()
        bridge.post(LAWLEY, UNLISTED)
        service.wait_until(lambda: home.store.drops() == [UNLISTED], "the drop is taken in")
        until(lambda: looked(web) and webhook.taken, "an alert arrives", SOON)
        assert webhook.titles()[0].endswith("unchecked alert")
        assert "cannot be read" in webhook.taken[0]["message"]
        assert web.ask("/readyz").text == "ready\n"
        assert web.metrics()["wa_monitor_lists_up"] == 0
        assert web.metrics()["wa_monitor_store_up"] == 1
        assert service.said("Waiting for the store") == []
        (found,) = [each for each in web.status()["lists"] if each["project"] == "Lawley"]
        assert found["drops"] is None
        assert "valid_drop_numbers" in found["error"]
        home.store.query("ALTER TABLE put_aside RENAME TO valid_drop_numbers")
        import_drops(home, LISTED)
        bridge.post(LAWLEY, LISTED)
        until(lambda: looked(web) and len(webhook.taken) == 2, "its end is told of", SOON)
    assert len(webhook.taken) == 2


def test_what_was_refused_is_shown_until_it_is_let_in(home: Home, bridge: BridgeWriter) -> None:
    import_drops(home, LISTED)
    web = Web(home)
    with Service(home) as service:
        web.wait_until_ready()
        bridge.post(LAWLEY, UNLISTED)
        bridge.post(MOHADIN, LISTED)
        service.wait_until(lambda: home.store.holds(LISTED), "both are settled")
        found = web.metrics()
        assert found['wa_monitor_invalid_total{project="Lawley"}'] == 1
        assert found['wa_monitor_checked_total{project="Mohadin"}'] == 1
        service.wait_until(
            lambda: (
                looked(web) and web.metrics()['wa_monitor_invalid_waiting{project="Lawley"}'] == 1
            ),
            "a look has seen it",
            SOON,
        )
        assert web.metrics()['wa_monitor_invalid_waiting{project="Mohadin"}'] == 0
        assert lawley(home)["waiting"] == 1
        assert "Lawley: 1 valid drops, 1 invalid waiting" in home.ask("status").stdout
        import_drops(home, UNLISTED)
    with Service(home) as service:
        service.wait_for("Waiting submissions taken in")
        web.wait_until_ready()
        found = web.metrics()
        assert found['wa_monitor_let_in_total{project="Lawley"}'] == 1
        assert found['wa_monitor_drops_total{project="Lawley"}'] == 1
    assert lawley(home)["waiting"] == 0


def test_a_project_that_checks_no_longer_is_unchecked_no_longer(
    home: Home, bridge: BridgeWriter
) -> None:
    monitor = Monitor(home)
    bridge.post(LAWLEY, UNLISTED)
    monitor.settle()
    monitor.close()
    assert lawley(home)["unchecked"] == 1
    write_projects(home, Mohadin={"validate": True})
    settle_afresh(home)
    write_projects(home, Lawley={"validate": True})
    assert lawley(home)["unchecked"] == 0
