"""The operator's connection is lost in the middle of a deploy."""

from pathlib import Path

import pytest

from monitor.demo.groups import VELO_TEST
from tests.system import site
from tests.system.machine import Machine
from tests.system.play import Controller
from tests.system.release import checkout

# A lost connection is noticed after four seconds, not after the minute that it takes by default.
IMPATIENT = {
    "ansible_ssh_args": "-o ControlMaster=auto -o ControlPersist=60s"
    " -o ServerAliveInterval=2 -o ServerAliveCountMax=2 -o ConnectTimeout=3"
}


@pytest.mark.parametrize(
    "task", ["[Rr]elease", "[Rr]estart|[Ss]tart the service|[Hh]ealth"], ids=["copy", "restart"]
)
def test_a_cut_cable(host: Machine, controller: Controller, tmp_path: Path, task: str) -> None:
    name = f"next-{len(task)}"
    variables = site.variables(wa_monitor_source=str(checkout(tmp_path / name))) | IMPATIENT
    play = controller.start("deploy.yml", {host: variables})
    play.wait_for_task(f"(?:{task})")
    host.lab.set_cable(host.socket, up=False)
    outcome = play.wait().must_fail()
    assert "UNREACHABLE" in outcome.output
    host.lab.set_cable(host.socket, up=True)

    site.wait_until_ready(host, seconds=20)
    controller.run("deploy.yml", {host: variables}).must_succeed()
    package = host.path(f"{site.ROOT}/prod/modules/monitor/__init__.py")
    assert f"# {name}" in package.read_text()
    drop = f"DR{9_200_000 + len(task)}"
    with site.bridge(host) as bridge:
        bridge.post(VELO_TEST, drop)
    site.wait_for_drops(host, "prod", [drop])
