"""`--check --diff` tells what a deploy would do, and does none of it."""

import re
from pathlib import Path

from tests.system import site
from tests.system.conftest import MachineMaker
from tests.system.machine import Machine
from tests.system.play import Controller
from tests.system.release import checkout

CHECK = ("--check", "--diff")


def changed_tasks(output: str) -> list[str]:
    """Return the names of the tasks that reported a change."""
    tasks = re.split(r"^(?:TASK|RUNNING HANDLER) \[", output, flags=re.MULTILINE)[1:]
    return [task.partition("]")[0] for task in tasks if re.search(r"^changed:", task, re.MULTILINE)]


def test_on_a_bare_host(make_machine: MachineMaker, controller: Controller) -> None:
    bare = make_machine("bare")
    site.prepare(bare)
    before = site.fingerprint(bare)
    outcome = controller.run("deploy.yml", {bare: site.variables()}, *CHECK).must_succeed()
    assert outcome.changed > 0
    assert site.fingerprint(bare) == before
    assert bare.ssh(f"ls {site.ROOT}", check=False).returncode != 0


def test_on_a_deployed_host_without_changes(host: Machine, controller: Controller) -> None:
    before = site.fingerprint(host)
    outcome = controller.run("deploy.yml", {host: site.variables()}, *CHECK).must_succeed()
    assert outcome.changed == 0, outcome.output
    assert site.fingerprint(host) == before


def test_what_it_announces_is_what_happens(
    host: Machine, controller: Controller, tmp_path: Path
) -> None:
    variables = site.variables(wa_monitor_source=str(checkout(tmp_path / "next")))
    variables["wa_monitor_environments"] = [
        {**environment, "settings": {"SCAN_INTERVAL": 7}}
        for environment in variables["wa_monitor_environments"]
    ]
    before = site.fingerprint(host)
    announced = controller.run("deploy.yml", {host: variables}, *CHECK).must_succeed()
    assert site.fingerprint(host) == before
    assert "SCAN_INTERVAL=7" in announced.output
    done = controller.run("deploy.yml", {host: variables}).must_succeed()
    assert changed_tasks(announced.output) == changed_tasks(done.output)
