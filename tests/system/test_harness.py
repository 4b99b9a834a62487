"""The test machines themselves: what the other tests take for granted."""

import pytest

from tests import qa_table
from tests.system import database
from tests.system.conftest import MachineMaker
from tests.system.machine import Machine
from tests.system.play import Controller

PING = """
- name: Nothing
  hosts: all
  tasks:
    - name: Ping
      ansible.builtin.ping:
"""


@pytest.fixture(scope="module")
def machine(make_machine: MachineMaker) -> Machine:
    return make_machine("harness")


def test_ansible_reaches_a_machine(machine: Machine, controller: Controller) -> None:
    playbook = controller.folder / "ping.yml"
    playbook.write_text(PING)
    outcome = controller.run(str(playbook), {machine: {}}).must_succeed()
    assert outcome.recap["harness"]["ok"] >= 1
    assert outcome.recap["harness"]["unreachable"] == 0


def test_a_machine_has_a_database_and_no_way_out(machine: Machine) -> None:
    database.create(machine, "probe")
    database.sql(machine, "probe", qa_table.TABLE)
    database.sql(machine, "probe", "INSERT INTO qa_photo_reviews (drop_number) VALUES ('DR1')")
    assert database.drops(machine, "probe") == ["DR1"]
    assert machine.ssh("getent hosts pypi.org", check=False).returncode != 0
    assert machine.ssh("python3 -m ensurepip", check=False).returncode != 0


def test_a_machine_keeps_its_disk_over_a_power_loss(machine: Machine) -> None:
    machine.ssh("echo kept > /var/lib/mark")
    machine.kill()
    assert not machine.running
    machine.boot()
    assert machine.says("cat /var/lib/mark") == "kept"
