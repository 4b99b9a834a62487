"""The power goes in the middle of a deploy; the host comes back and the deploy can be repeated."""

import re
from pathlib import Path

import pytest

from monitor.demo.groups import VELO_TEST
from tests.system import site
from tests.system.conftest import MachineMaker
from tests.system.machine import Machine
from tests.system.play import Controller, Outcome, Variables
from tests.system.release import checkout

# At the beginning of which task, and of which of those with this name, the power goes.
Moment = tuple[str, int]
IN_AN_UPGRADE: tuple[Moment, ...] = (
    ("Unpack it", 1),
    ("Install the release", 1),
    ("Run what is installed", 1),
    ("Make it the live one", 2),
)
IN_A_FIRST_DEPLOY: tuple[Moment, ...] = (
    ("Make folders and rights", 1),
    ("Run what is installed", 2),
)


def begun(output: str, moment: Moment) -> bool:
    """Tell whether the moment has come."""
    task, number = moment
    return len(re.findall(rf"^TASK \[.*{task}", output, re.MULTILINE)) >= number


def lose_power(
    machine: Machine, controller: Controller, variables: Variables, moment: Moment
) -> Outcome:
    """Start a deploy, pull the plug when a task begins, and boot again."""
    play = controller.start("deploy.yml", {machine: variables})
    play.wait_until(lambda: begun(play.output, moment))
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


@pytest.mark.parametrize("number", range(len(IN_AN_UPGRADE)))
def test_in_an_upgrade(host: Machine, controller: Controller, tmp_path: Path, number: int) -> None:
    name = f"next-{number}"
    variables = site.variables(wa_monitor_source=str(checkout(tmp_path / name)))
    lose_power(host, controller, variables, IN_AN_UPGRADE[number]).must_fail()
    all_well(host, f"DR{5_000_000 + number}")

    controller.run("deploy.yml", {host: variables}).must_succeed()
    for environment in site.ENVIRONMENTS:
        package = host.path(f"{site.ROOT}/{environment}/modules/monitor/__init__.py")
        assert f"# {name}" in package.read_text()
    all_well(host, f"DR{6_000_000 + number}")


def test_afterwards_nothing_is_left_to_do(host: Machine, controller: Controller) -> None:
    controller.run("deploy.yml", {host: site.variables()}).must_succeed()
    again = controller.run("deploy.yml", {host: site.variables()}).must_succeed()
    assert again.changed == 0, again.output


@pytest.mark.parametrize("number", range(len(IN_A_FIRST_DEPLOY)))
def test_in_a_first_deploy(make_machine: MachineMaker, controller: Controller, number: int) -> None:
    machine = make_machine(f"bare-{number}")
    site.prepare(machine)
    variables = site.variables()
    lose_power(machine, controller, variables, IN_A_FIRST_DEPLOY[number]).must_fail()
    controller.run("deploy.yml", {machine: variables}).must_succeed()
    all_well(machine, f"DR{7_000_000 + number}")
    machine.kill()
