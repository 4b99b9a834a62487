"""A second deploy changes nothing, restarts nothing and is quick."""

import pytest

from tests.system import site
from tests.system.conftest import Recorder
from tests.system.machine import Machine
from tests.system.play import Controller

NOTHING = """
- name: Do nothing
  hosts: all
  gather_facts: false
  tasks:
    - name: Ask whether Python is there
      ansible.builtin.ping:
"""


def apart_from_backups(machine: Machine) -> list[str]:
    """Return the fingerprint without the backups and the mark of the last one."""
    lines = site.fingerprint(machine).splitlines()
    return [line for line in lines if "/backups" not in line and "/last-backup" not in line]


def test_a_second_deploy_changes_nothing(
    host: Machine, controller: Controller, record_property: Recorder
) -> None:
    running = site.pids(host)
    before = site.fingerprint(host)
    outcome = controller.run("deploy.yml", {host: site.variables()}).must_succeed()
    assert outcome.changed == 0, outcome.output
    assert site.fingerprint(host) == before
    assert site.pids(host) == running

    empty = controller.folder / "nothing.yml"
    empty.write_text(NOTHING)
    nothing = controller.run(str(empty), {host: {}}).must_succeed()
    ratio = outcome.seconds / nothing.seconds
    record_property(
        "measured deploy without changes",
        f"{outcome.seconds:.1f} s, {ratio:.1f} times a play that does nothing"
        f" ({nothing.seconds:.1f} s)",
    )
    # Not in seconds: those depend on what else the machine is doing.
    assert ratio < 8, "a deploy that changes nothing should take a handful of seconds"


@pytest.mark.parametrize("playbook", ["verify.yml", "backup.yml"])
def test_looking_and_backing_up_leave_the_host_as_it_is(
    host: Machine, controller: Controller, playbook: str
) -> None:
    running = site.pids(host)
    before = apart_from_backups(host)
    controller.run(playbook, {host: site.variables()}).must_succeed()
    assert apart_from_backups(host) == before
    assert site.pids(host) == running


def test_warnings_are_not_hidden(host: Machine, controller: Controller) -> None:
    outcome = controller.run("deploy.yml", {host: site.variables()}).must_succeed()
    assert "DEPRECATION" not in outcome.output
    assert "[WARNING]" not in outcome.output
