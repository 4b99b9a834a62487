"""Two hosts in the same groups: one gone for a minute, then the other; none missed, none twice."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from monitor.demo.bridge_writer import new_message_id
from monitor.demo.groups import LAWLEY
from tests.system import database, sender_service, site
from tests.system.conftest import Deployed, MachineMaker
from tests.system.machine import Machine
from tests.system.play import Controller

Hosts = tuple[Machine, Machine]

OUTAGE_SECONDS = 60
PORT = 8081
TAKEN = "/var/lib/sender-taken.jsonl"
SENDER_UNIT = f"""
[Service]
ExecStart=/usr/bin/python3 /usr/local/bin/sender_service.py {PORT} {TAKEN}
[Install]
WantedBy=multi-user.target
"""
VALID = [f"DR{7_000_000 + number}" for number in range(500)]


@pytest.fixture(scope="module")
def hosts(make_machine: MachineMaker, deployed: Deployed, controller: Controller) -> Hosts:
    """Deploy to alpha, which has the database, and to beta, each with a sender service."""
    alpha = make_machine("out-alpha", deployed.layer, hostname="alpha")
    beta = make_machine("out-beta", deployed.layer, hostname="beta")
    beta.ssh("systemctl disable --now postgresql")
    for machine in (alpha, beta):
        source = Path(sender_service.__file__).read_text()
        machine.write("/usr/local/bin/sender_service.py", source)
        machine.write("/etc/systemd/system/sender.service", SENDER_UNIT)
        machine.ssh("systemctl daemon-reload; systemctl enable --now sender")
    variables = answering(alpha)
    controller.run("deploy.yml", {alpha: variables, beta: variables}).must_succeed()
    alpha.write("/var/tmp/list.csv", "drop_number\n" + "\n".join(VALID) + "\n")
    said = site.command(alpha, "prod", "drops import /var/tmp/list.csv --project Lawley")
    assert "500 drops added" in said
    return alpha, beta


def answering(alpha: Machine) -> dict[str, Any]:
    """Return the site's variables with lists and answers in Lawley, on alpha's database."""
    variables = site.variables(alpha.address)
    prod, *others = variables["wa_monitor_environments"]
    options = {"validate": True, "answers": {"per_minute": 60}}
    projects = [
        {**each, **options} if each["group_jid"] == LAWLEY else each for each in prod["projects"]
    ]
    prod = {**prod, "projects": projects, "settings": {"ENABLE_WHATSAPP_MESSAGES": "true"}}
    return {**variables, "wa_monitor_environments": [prod, *others]}


def post_to_both(hosts: Hosts, drop: str) -> None:
    """Post the same message into the bridge of every host that is up."""
    message_id = new_message_id()
    for machine in hosts:
        if machine.running:
            with site.bridge(machine) as bridge:
                bridge.post(LAWLEY, drop, message_id=message_id)


def answered(hosts: Hosts) -> list[str]:
    """Return the drop of every answer that any sender service took, sorted."""
    found = []
    for machine in hosts:
        taken = machine.path(TAKEN)
        for line in taken.read_text().splitlines() if taken.exists() else ():
            message = json.loads(line)["message"]
            found += re.findall(r"DR\d+", message)
    return sorted(found)


def post_through_an_outage(hosts: Hosts, gone: Machine, first: int) -> tuple[list[str], list[str]]:
    """Post valid and invalid drops while a host is without power; return both kinds."""
    valid, invalid = [], []
    gone.kill()
    end = time.monotonic() + OUTAGE_SECONDS
    number = first
    while time.monotonic() < end:
        valid.append(VALID[number])
        post_to_both(hosts, VALID[number])
        if number % 5 == 0:
            invalid.append(f"DR{9_000_000 + number}")
            post_to_both(hosts, invalid[-1])
        number += 1
        time.sleep(0.5)
    gone.boot()
    return valid, invalid


def test_one_gone_for_a_minute_then_the_other(hosts: Hosts) -> None:
    alpha, beta = hosts
    for machine in hosts:
        site.wait_until_ready(machine, "prod", seconds=30)
    valid, invalid = post_through_an_outage(hosts, beta, 0)
    site.wait_for_drops(alpha, "prod", valid, 20)
    site.wait_until_ready(beta, "prod", seconds=40)
    # With alpha the database goes as well: beta has to wait for it, and catches up.
    more, more_invalid = post_through_an_outage(hosts, alpha, 200)
    for machine in hosts:
        site.wait_until_ready(machine, "prod", seconds=60)
    site.wait_for_drops(alpha, "prod", [*valid, *more], 30)
    site.eventually(
        "every wrong number is answered",
        lambda: len(answered(hosts)) >= len({*invalid, *more_invalid}),
        60,
    )
    time.sleep(3)
    assert answered(hosts) == sorted([*invalid, *more_invalid])
    assert site.doubled(alpha, "prod") == []
    refused = database.sql(alpha, "prod", "SELECT drop_number FROM invalid_drop_submissions")
    assert sorted(refused) == sorted([*invalid, *more_invalid])
    names = {each["name"] for each in site.status(beta, "prod")["instances"]}
    assert {"alpha/prod", "beta/prod"} <= names
