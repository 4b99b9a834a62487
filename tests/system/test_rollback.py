"""Back to the release before, or to a named one."""

from pathlib import Path

from monitor.demo.groups import VELO_TEST
from tests.system import site
from tests.system.machine import Machine
from tests.system.play import Controller
from tests.system.release import checkout


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

    controller.run("rollback.yml", {host: site.variables()}).must_succeed()
    assert live(host) == {first}
    named = site.variables(wa_monitor_rollback_to=second)
    controller.run("rollback.yml", {host: named}).must_succeed()
    assert live(host) == {second}
    with site.bridge(host) as bridge:
        bridge.post(VELO_TEST, "DR9700001")
    site.wait_for_drops(host, "prod", ["DR9700001"])


def test_one_environment_alone(host: Machine, controller: Controller) -> None:
    prod, dev = (site.live_release(host, name) for name in site.ENVIRONMENTS)
    variables = site.variables(wa_monitor_only=["dev"])
    controller.run("rollback.yml", {host: variables}).must_succeed()
    assert site.live_release(host, "prod") == prod
    assert site.live_release(host, "dev") != dev


def test_an_unknown_release_is_refused(host: Machine, controller: Controller) -> None:
    before = site.fingerprint(host)
    variables = site.variables(wa_monitor_rollback_to="no-such-release")
    outcome = controller.run("rollback.yml", {host: variables}).must_fail()
    assert "no-such-release" in outcome.failure()
    assert site.fingerprint(host) == before


def test_with_restart_and_state_off(host: Machine, controller: Controller) -> None:
    variables = site.variables(
        wa_monitor_rollback_restart_off=True, wa_monitor_rollback_state_off=True
    )
    home = host.path(f"{site.ROOT}/prod")
    controller.run("rollback.yml", {host: variables}).must_succeed()
    assert "wa-monitor" not in host.ssh("crontab -l", check=False).stdout
    assert list(home.glob("state.json.off-*")), "moved aside, not deleted"
    site.wait_until_ready(host, "prod")
    assert site.doubled(host, "prod") == []


def test_old_releases_are_pruned_and_never_the_live_one(
    host: Machine, controller: Controller, tmp_path: Path
) -> None:
    for number in range(3):
        variables = site.variables(
            wa_monitor_source=str(checkout(tmp_path / f"prune-{number}")),
            wa_monitor_release_keep=2,
            wa_monitor_release_keep_days=0,
        )
        controller.run("deploy.yml", {host: variables}).must_succeed()
    kept = host.says(f"ls {site.ROOT}/prod/releases").split()
    assert site.live_release(host, "prod") in kept
    assert len(kept) == 2
