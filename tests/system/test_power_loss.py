"""The power goes in the middle of a deploy; the host comes back and the deploy can be repeated."""

from pathlib import Path

import pytest

from monitor.demo.groups import VELO_TEST
from tests.system import site
from tests.system.conftest import Deployed, MachineMaker
from tests.system.machine import Machine
from tests.system.play import Controller, Outcome, Variables
from tests.system.release import checkout


def tasks(output: str) -> int:
    """Return how many tasks have begun."""
    return output.count("\nTASK [") + output.count("\nRUNNING HANDLER [")


def lose_power(
    machine: Machine, controller: Controller, variables: Variables, after: int
) -> Outcome:
    """Start a deploy, pull the plug when so many tasks have begun, and boot again."""
    play = controller.start("deploy.yml", {machine: variables})
    play.wait_until(lambda: tasks(play.output) >= after)
    machine.kill()
    outcome = play.wait()
    machine.boot()
    return outcome


def all_well(machine: Machine, drop: str) -> None:
    """Post a drop and see it in both databases, once."""
    with site.bridge(machine) as bridge:
        bridge.post(VELO_TEST, drop)
    for name in site.ENVIRONMENTS:
        site.wait_until_ready(machine, name, seconds=30)
        site.wait_for_drops(machine, name, [drop])
        assert site.doubled(machine, name) == []


@pytest.mark.parametrize("share", [0.35, 0.6, 0.75, 0.9])
def test_in_an_upgrade(
    host: Machine, controller: Controller, deployed: Deployed, tmp_path: Path, share: float
) -> None:
    name = f"next-{share}"
    variables = site.variables(wa_monitor_source=str(checkout(tmp_path / name)))
    after = int(tasks(deployed.outcome.output) * share)
    lose_power(host, controller, variables, after).must_fail()
    all_well(host, f"DR{5_000_000 + after}")

    controller.run("deploy.yml", {host: variables}).must_succeed()
    for environment in site.ENVIRONMENTS:
        package = host.path(f"{site.ROOT}/{environment}/modules/monitor/__init__.py")
        assert f"# {name}" in package.read_text()
    all_well(host, f"DR{6_000_000 + after}")


def test_afterwards_nothing_is_left_to_do(host: Machine, controller: Controller) -> None:
    controller.run("deploy.yml", {host: site.variables()}).must_succeed()
    again = controller.run("deploy.yml", {host: site.variables()}).must_succeed()
    assert again.changed == 0, again.output


@pytest.mark.parametrize("share", [0.4, 0.7])
def test_in_a_first_deploy(
    make_machine: MachineMaker, controller: Controller, deployed: Deployed, share: float
) -> None:
    machine = make_machine(f"bare-{share}".replace(".", ""))
    site.prepare(machine)
    after = int(tasks(deployed.outcome.output) * share)
    lose_power(machine, controller, site.variables(), after).must_fail()
    controller.run("deploy.yml", {machine: site.variables()}).must_succeed()
    all_well(machine, f"DR{7_000_000 + after}")
    machine.kill()
