"""Two hosts, each with a bridge in the same groups, work on one database together."""

import re
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from monitor.demo.bridge_writer import new_message_id
from monitor.demo.groups import LAWLEY
from tests.system import database, site
from tests.system.conftest import Deployed, MachineMaker
from tests.system.machine import Machine
from tests.system.play import Controller
from tests.system.release import checkout

Hosts = tuple[Machine, Machine]


@pytest.fixture(scope="module")
def hosts(make_machine: MachineMaker, deployed: Deployed, controller: Controller) -> Hosts:
    """Deploy to alpha, which has the database, and to beta."""
    alpha = make_machine("alpha", deployed.layer, hostname="alpha")
    beta = make_machine("beta", deployed.layer, hostname="beta")
    beta.ssh("systemctl disable --now postgresql")
    controller.run("deploy.yml", inventory(alpha, beta)).must_succeed()
    return alpha, beta


def inventory(alpha: Machine, beta: Machine, **others: Any) -> dict[Machine, dict[str, Any]]:
    """Return both hosts, on alpha's database."""
    variables = site.variables(alpha.address, **others)
    return {alpha: variables, beta: variables}


def post(machine: Machine, drop: str, message_id: str) -> None:
    with site.bridge(machine) as bridge:
        bridge.post(LAWLEY, drop, message_id=message_id)


def caught_up(machine: Machine) -> bool:
    return not any(group["lag_messages"] for group in site.status(machine, "prod")["groups"])


def appears(alpha: Machine, drop: str) -> None:
    site.wait_for_drops(alpha, "prod", [drop])


def test_a_message_that_both_see_counts_once(hosts: Hosts) -> None:
    alpha, _ = hosts
    numbers = [f"DR{8_000_000 + n}" for n in range(20)]
    for number in numbers:
        message_id = new_message_id()
        for machine in hosts:
            post(machine, number, message_id)
    appears(alpha, numbers[-1])
    for machine in hosts:
        site.eventually("nothing is left to read", partial(caught_up, machine))
    assert set(numbers) <= set(database.drops(alpha, "prod"))
    assert site.doubled(alpha, "prod") == []


def test_each_knows_of_the_other(hosts: Hosts) -> None:
    for machine in hosts:
        assert len(site.status(machine, "prod")["instances"]) >= 2


def test_one_goes_on_while_the_other_is_gone(hosts: Hosts) -> None:
    alpha, beta = hosts
    alpha.ssh("systemctl stop wa-monitor-prod")
    message_id = new_message_id()
    post(beta, "DR8100001", message_id)
    appears(alpha, "DR8100001")
    post(alpha, "DR8100001", message_id)
    alpha.ssh("systemctl start wa-monitor-prod")
    beta.kill()
    post(alpha, "DR8100002", new_message_id())
    appears(alpha, "DR8100002")
    beta.boot()
    site.wait_until_ready(beta, seconds=20)
    assert site.doubled(alpha, "prod") == []


def test_it_catches_up_after_the_cable_to_the_database_was_cut(hosts: Hosts) -> None:
    alpha, beta = hosts
    beta.lab.set_cable(beta.socket, up=False)
    post(beta, "DR8200001", new_message_id())
    time.sleep(3)
    beta.lab.set_cable(beta.socket, up=True)
    site.wait_for_drops(alpha, "prod", ["DR8200001"], 40)


def test_a_fault_on_the_first_host_spares_the_second(
    hosts: Hosts, controller: Controller, tmp_path: Path
) -> None:
    alpha, beta = hosts
    release, running = site.live_release(beta, "prod"), site.main_pid(beta, "prod")
    source = str(checkout(tmp_path / "bad", 'raise SystemExit("it cannot start")'))
    play = inventory(alpha, beta, wa_monitor_source=source, wa_monitor_health_timeout=5)
    outcome = controller.run("deploy.yml", play).must_fail()
    assert re.search(r"fatal: \[alpha\]|\[alpha\]: FAILED", outcome.output)
    assert site.live_release(beta, "prod") == release
    assert site.main_pid(beta, "prod") == running
    assert site.ready(alpha, "prod")


def test_hosts_go_one_at_a_time(hosts: Hosts, controller: Controller, tmp_path: Path) -> None:
    alpha, beta = hosts
    source = str(checkout(tmp_path / "next"))
    play = controller.start("deploy.yml", inventory(alpha, beta, wa_monitor_source=source))
    old = site.live_release(alpha, "prod")
    while play.running:
        # Asked in this order, so that the first cannot finish between the two questions.
        beta_is_new = site.live_release(beta, "dev") != old
        alpha_is_new = site.live_release(alpha, "prod") != old
        assert alpha_is_new or not beta_is_new
    play.wait().must_succeed()
    assert site.live_release(beta, "prod") == site.live_release(alpha, "prod") != old
