"""Back to the release before, or to a named one."""

from pathlib import Path
from typing import Any

from monitor.demo.groups import VELO_TEST
from tests.system import site
from tests.system.machine import Machine
from tests.system.play import Controller, Outcome
from tests.system.release import checkout


def roll_back(machine: Machine, controller: Controller, **asked: Any) -> Outcome:
    """Run rollback.yml as an operator does."""
    return controller.run("rollback.yml", {machine: site.variables()}, variables=asked)


def live(machine: Machine) -> set[str]:
    """Return the releases that run, one name if prod and dev agree."""
    for name in site.ENVIRONMENTS:
        assert site.status(machine, name)["service"]["release"] == site.live_release(machine, name)
        assert site.ready(machine, name)
    return {site.live_release(machine, name) for name in site.ENVIRONMENTS}


def test_back_and_forth(host: Machine, controller: Controller, tmp_path: Path) -> None:
    (first,) = live(host)
    new = site.variables(wa_monitor_source=str(checkout(tmp_path / "second")))
    controller.run("deploy.yml", {host: new}).must_succeed()
    (second,) = live(host)
    assert second != first

    roll_back(host, controller).must_succeed()
    assert live(host) == {first}
    roll_back(host, controller, wa_monitor_rollback_to=second).must_succeed()
    assert live(host) == {second}
    with site.bridge(host) as bridge:
        bridge.post(VELO_TEST, "DR9700001")
    site.wait_for_drops(host, "prod", ["DR9700001"])


def test_one_environment_alone(host: Machine, controller: Controller) -> None:
    prod, dev = (site.live_release(host, name) for name in site.ENVIRONMENTS)
    roll_back(host, controller, wa_monitor_only=["dev"]).must_succeed()
    assert site.live_release(host, "prod") == prod
    assert site.live_release(host, "dev") != dev


def test_there_is_nothing_before_the_oldest(host: Machine, controller: Controller) -> None:
    before = site.fingerprint(host)
    outcome = roll_back(host, controller, wa_monitor_only=["dev"]).must_fail()
    assert site.live_release(host, "dev") in outcome.failure()
    assert site.fingerprint(host) == before


def test_an_unknown_release_is_refused(host: Machine, controller: Controller) -> None:
    before = site.fingerprint(host)
    outcome = roll_back(host, controller, wa_monitor_rollback_to="no-such-release").must_fail()
    assert "no-such-release" in outcome.failure()
    assert site.fingerprint(host) == before


def test_with_restart_and_state_off(host: Machine, controller: Controller) -> None:
    home = host.path(f"{site.ROOT}/prod")
    asked = {
        "wa_monitor_only": ["prod"],
        "wa_monitor_rollback_restart_off": True,
        "wa_monitor_rollback_state_off": True,
    }
    roll_back(host, controller, **asked).must_succeed()
    assert "wa-monitor" not in host.ssh("crontab -l", check=False).stdout
    assert list(home.glob("state.json.off-*")), "moved aside, not deleted"
    site.wait_until_ready(host, "prod")
    assert site.doubled(host, "prod") == []


def test_old_releases_are_pruned_but_not_the_one_to_go_back_to(
    host: Machine, controller: Controller, tmp_path: Path
) -> None:
    before = site.live_release(host, "prod")
    spare = set(host.says(f"ls {site.ROOT}/prod/releases").split()) - {before}
    assert spare
    variables = site.variables(
        wa_monitor_source=str(checkout(tmp_path / "third")),
        wa_monitor_release_keep=1,
        wa_monitor_release_keep_days=0,
    )
    controller.run("deploy.yml", {host: variables}).must_succeed()
    now = site.live_release(host, "prod")
    assert now not in {before, *spare}
    assert set(host.says(f"ls {site.ROOT}/prod/releases").split()) == {before, now}
