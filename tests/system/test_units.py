"""The units: tightly closed, watched, limited, and never given up."""

import json
import re
from pathlib import Path

import pytest

from tests.system import site
from tests.system.machine import Machine

each_environment = pytest.mark.parametrize("environment", site.ENVIRONMENTS)
PROBE = Path(__file__).with_name("probe_writes.py")


@each_environment
def test_exposure_is_low(host: Machine, environment: str) -> None:
    report = host.says(f"systemd-analyze security --no-pager {site.unit(environment)}")
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", report)
    assert found
    assert float(found[1]) <= 1.5, report


@each_environment
def test_it_runs_as_its_own_user_without_rights(host: Machine, environment: str) -> None:
    pid = site.main_pid(host, environment)
    status = dict(
        line.split(":\t", 1) for line in host.says(f"cat /proc/{pid}/status").splitlines()
    )
    uid = host.says(f"id -u wa-monitor-{environment}")
    assert set(status["Uid"].split()) == {uid}
    assert uid != "0"
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    for capabilities in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[capabilities], 16) == 0, capabilities


@each_environment
def test_it_can_write_state_and_logs_alone(host: Machine, environment: str) -> None:
    home = f"{site.ROOT}/{environment}"
    user = f"wa-monitor-{environment}"
    # Inside the service's own view of the file system, as its user, with its groups.
    answer = host.ssh(
        f"nsenter -t {site.main_pid(host, environment)} -m -- setpriv --reuid={user}"
        f" --regid={user} --init-groups --inh-caps=-all --bounding-set=-all"
        f" /usr/bin/python3 - {home}",
        stdin=PROBE.read_text(),
    )
    found = json.loads(answer.stdout)
    own = (f"{home}/state.json", f"{home}/logs/")
    private = ("/tmp", "/var/tmp", "/dev/shm", "/run/wa-monitor")
    assert {path for path in found["folders"] if not path.startswith(private)} <= {
        home,
        f"{home}/logs",
    }
    assert [path for path in found["files"] if not path.startswith((*own, *private))] == []
    assert f"{home}/state.json" in found["files"]
    assert set(found["replaceable"]) <= {
        name for name in found["replaceable"] if name.startswith("state.json")
    }


@each_environment
def test_it_reads_the_bridge_and_no_other_environments_secrets(
    host: Machine, environment: str
) -> None:
    (other,) = set(site.ENVIRONMENTS) - {environment}
    user = f"wa-monitor-{environment}"
    inside = (
        f"nsenter -t {site.main_pid(host, environment)} -m -- setpriv --reuid={user}"
        f" --regid={user} --init-groups"
    )
    assert host.ssh(f"{inside} head -c 15 {site.BRIDGE}").stdout == "SQLite format 3"
    for path in (f"{site.ROOT}/{other}/.env", f"{site.ROOT}/{other}/state.json", "/etc/shadow"):
        assert host.ssh(f"{inside} cat {path}", check=False).returncode != 0, path


def test_limits_bind(host: Machine) -> None:
    # On this kernel a machine's limits are mounted read-only; open them up, as on a real host.
    host.ssh(
        "for c in memory pids; do mount -o remount,bind,rw /sys/fs/cgroup/$c || true; done;"
        " systemctl daemon-reexec; systemctl restart wa-monitor-prod"
    )
    shown = site.show(host, "prod", "MemoryMax", "TasksMax")
    memory, tasks = int(shown["MemoryMax"]), int(shown["TasksMax"])
    assert memory <= 1 << 30
    assert tasks <= 100
    pid = site.main_pid(host, "prod")
    limit = host.says(
        f'cat $(awk -F: \'$2 == "memory" {{print "/sys/fs/cgroup/memory" $3'
        f' "/memory.limit_in_bytes"}} $1 == 0 {{last = "/sys/fs/cgroup" $3 "/memory.max"}}'
        f" END {{print last}}' /proc/{pid}/cgroup) 2>/dev/null | head -1"
    )
    assert int(limit) == memory


def test_it_is_never_given_up(host: Machine) -> None:
    assert site.show(host, "prod", "StartLimitIntervalUSec")["StartLimitIntervalUSec"] == "0"
    for _ in range(3):
        before = site.main_pid(host, "prod")
        host.ssh(f"kill -KILL {before}")
        site.wait_for_restart(host, {"prod": before}, 40)


def test_a_hung_service_is_restarted(host: Machine) -> None:
    before = site.pids(host)
    host.ssh(f"kill -STOP {' '.join(map(str, before.values()))}")
    site.wait_for_restart(host, before, 90)
    assert (
        "watchdog"
        in host.says(f"journalctl -q --no-pager -o cat _PID=1 + UNIT={site.unit('prod')}").lower()
    )
