"""Adding a project takes one list and one tag, and no restart."""

import re
import time
from typing import Any

from monitor.demo.groups import KNOWN_GROUPS, LAWLEY, MAMELODI
from tests.system import site
from tests.system.conftest import Recorder
from tests.system.machine import Machine
from tests.system.play import Controller
from tests.system.traffic import Traffic

FIVE_MINUTES = 300.0

NEW = {"name": "Thembisa", "group_jid": "120363400000000001@g.us"}


def with_projects(*more: dict[str, Any]) -> dict[str, Any]:
    """Return the site's variables with projects added to prod's list."""
    variables = site.variables()
    prod, *others = variables["wa_monitor_environments"]
    prod = {**prod, "projects": [*prod["projects"], *more]}
    return {**variables, "wa_monitor_environments": [prod, *others]}


def test_a_project_is_added_in_five_minutes_without_a_restart(
    host: Machine, controller: Controller, record_property: Recorder
) -> None:
    running = site.pids(host)
    with site.bridge(host) as bridge:
        bridge.post(NEW["group_jid"], "good morning")
    assert re.search(rf"{NEW['group_jid']} +1 +no ", site.command(host, "prod", "groups"))
    before = site.state(host, "prod")

    # Meanwhile crews go on posting in another group.
    with Traffic(host, rate=20) as traffic:
        began = time.monotonic()
        variables = with_projects(NEW)
        controller.run("deploy.yml", {host: variables}, "--tags", "projects").must_succeed()
        with site.bridge(host) as bridge:
            bridge.post(NEW["group_jid"], "DR9800001")
        site.wait_for_drops(host, "prod", ["DR9800001"])
        took = time.monotonic() - began
    record_property("measured from the inventory's edit to the first drop", f"{took:.1f} s")
    assert took < FIVE_MINUTES

    assert site.pids(host) == running
    assert "yes, Thembisa" in site.command(host, "prod", "groups")
    site.wait_for_drops(host, "prod", traffic.drops)
    assert site.doubled(host, "prod") == []
    after = site.state(host, "prod")
    assert {group: after[group] for group in before if group != LAWLEY} == {
        group: before[group] for group in before if group != LAWLEY
    }

    again = controller.run("deploy.yml", {host: variables}).must_succeed()
    assert again.changed == 0, again.output
    assert site.pids(host) == running


def test_a_bad_project_is_refused_and_the_old_list_stays(
    host: Machine, controller: Controller
) -> None:
    before = site.fingerprint(host)
    bad = {"name": "Twice", "group_jid": MAMELODI}
    outcome = controller.run(
        "deploy.yml", {host: with_projects(bad)}, "--tags", "projects"
    ).must_fail()
    assert MAMELODI in outcome.failure()
    assert site.fingerprint(host) == before
    assert len(site.status(host, "prod")["groups"]) >= len(KNOWN_GROUPS)
