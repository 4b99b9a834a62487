"""Adding a project takes one list and one tag, and no restart."""

from typing import Any

from monitor.demo.groups import KNOWN_GROUPS, MAMELODI
from tests.system import site
from tests.system.machine import Machine
from tests.system.play import Controller

NEW = {"name": "Thembisa", "group_jid": "120363400000000001@g.us"}


def with_projects(*more: dict[str, Any]) -> dict[str, Any]:
    """Return the site's variables with projects added to prod's list."""
    variables = site.variables()
    prod, *others = variables["wa_monitor_environments"]
    prod = {**prod, "projects": [*prod["projects"], *more]}
    return {**variables, "wa_monitor_environments": [prod, *others]}


def test_a_project_is_added_without_a_restart(host: Machine, controller: Controller) -> None:
    running = site.main_pid(host, "prod")
    variables = with_projects(NEW)
    controller.run("deploy.yml", {host: variables}, "--tags", "projects").must_succeed()
    assert site.main_pid(host, "prod") == running
    with site.bridge(host) as bridge:
        bridge.post(NEW["group_jid"], "DR9800001")
    site.wait_for_drops(host, "prod", ["DR9800001"])
    again = controller.run("deploy.yml", {host: variables}).must_succeed()
    assert again.changed == 0, again.output
    assert site.main_pid(host, "prod") == running


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
