"""A first deploy to a bare host leaves two services that work, laid out as documented."""

import re

import pytest

from monitor.demo.groups import LAWLEY, VELO_TEST
from monitor.state.schema import check_state
from tests.system import database, site
from tests.system.conftest import Deployed
from tests.system.machine import Machine


@pytest.mark.parametrize("environment", site.ENVIRONMENTS)
def test_the_service_is_ready(host: Machine, environment: str) -> None:
    status = site.status(host, environment)
    assert status["ready"], status
    assert status["store"]["kind"] == "postgresql"
    assert status["service"]["release"] == site.live_release(host, environment)
    assert site.show(host, environment, "UnitFileState")["UnitFileState"] == "enabled"


def test_a_posted_drop_becomes_a_row(host: Machine) -> None:
    with site.bridge(host) as bridge:
        bridge.post(LAWLEY, "DR1752028 and DR1752034", sender="27000000002")
        bridge.post(VELO_TEST, "DR1752040", sender="27000000002")
    site.wait_for_drops(host, "prod", ["DR1752028", "DR1752034", "DR1752040"])
    site.wait_for_drops(host, "dev", ["DR1752040"])
    assert not {"DR1752028", "DR1752034"} & set(database.drops(host, "dev"))
    row = "SELECT project, user_name FROM qa_photo_reviews WHERE drop_number = 'DR1752028'"
    assert database.sql(host, "prod", row) == ["Lawley|27000000002"]


@pytest.mark.parametrize("environment", site.ENVIRONMENTS)
def test_the_layout_is_as_documented(host: Machine, environment: str) -> None:
    home = f"{site.ROOT}/{environment}"
    release = site.live_release(host, environment)
    assert host.says(f"readlink -f {home}/current") == f"{home}/releases/{release}"
    assert host.says(f"readlink -f {home}/modules") == f"{home}/releases/{release}/modules"
    assert host.says(f"test -d {home}/modules/monitor && echo yes") == "yes"
    cursors, faults = check_state(host.path(f"{home}/state.json").read_bytes())
    assert cursors
    assert not faults
    assert host.says(f"stat -c %a {home}/state.json") == "640"
    assert host.says(f"ls {home}/logs/wa-monitor-{environment}.log")


@pytest.mark.parametrize("environment", site.ENVIRONMENTS)
def test_secrets_are_for_root_and_the_service_alone(host: Machine, environment: str) -> None:
    home = f"{site.ROOT}/{environment}"
    mode, owner, group = host.says(f"stat -c '%a %U %G' {home}/.env").split()
    assert mode in {"640", "440"}
    assert (owner, group) == ("root", f"wa-monitor-{environment}")
    everything = host.says(
        "journalctl -q --no-pager -o cat; cat /opt/wa-monitor/*/logs/*; ps -eo args"
    )
    assert database.PASSWORD not in everything


def test_the_play_shows_no_secret(deployed: Deployed) -> None:
    assert database.PASSWORD not in deployed.outcome.output


def test_the_daily_restart_is_in_roots_crontab(host: Machine) -> None:
    assert host.says("crontab -l | grep wa-monitor") == site.CRON_LINE


def test_logs_are_rotated(host: Machine) -> None:
    log = f"{site.ROOT}/prod/logs/wa-monitor-prod.log"
    written_by = host.says(f"stat -c '%U %G' {log}")
    host.ssh("logrotate --force /etc/logrotate.d/wa-monitor*")
    assert host.says(f"ls {log}*").count(log) > 1
    with site.bridge(host) as bridge:
        bridge.post(LAWLEY, "DR1752050")
    site.eventually(
        "the service goes on logging to the new file",
        lambda: host.ssh(f"test -s {log}", check=False).returncode == 0,
    )
    assert host.says(f"stat -c '%U %G' {log}") == written_by


def test_nothing_of_ansible_is_on_the_target(host: Machine) -> None:
    # But for the folder that Ansible itself works in, for the user whom it logs in as.
    found = host.says("find / -xdev -iname '*ansible*' -not -path \"$HOME/.ansible*\"")
    assert found == ""


def test_a_release_cannot_be_changed_by_its_service(host: Machine) -> None:
    owners = host.says(f"find {site.ROOT}/*/releases -printf '%U %M\n' | sort -u").splitlines()
    assert owners
    for line in owners:
        uid, mode = line.split()
        assert uid == "0", line
        assert re.fullmatch(r"l.*|.....-..-.", mode), line
