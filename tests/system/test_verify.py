"""verify.yml finds what is not as the repository says, and changes nothing."""

import pytest

from tests.system import site
from tests.system.machine import Machine
from tests.system.play import Controller

DRIFTS = {
    "the unit was edited": (
        f"sed -i 's/^MemoryMax=.*/MemoryMax=infinity/' /etc/systemd/system/{site.unit('prod')};"
        " systemctl daemon-reload",
        site.unit("prod"),
    ),
    "the config was edited": (
        f"echo '# by hand' >> {site.ROOT}/prod/config/projects.yaml",
        "projects.yaml",
    ),
    "the crontab lost its line": ("crontab -r", "crontab"),
    "a service is down": ("systemctl stop wa-monitor-dev", "wa-monitor-dev"),
    "a service is not enabled": ("systemctl disable -q wa-monitor-prod", "wa-monitor-prod"),
    "the rights of .env are loose": (f"chmod 0644 {site.ROOT}/prod/.env", ".env"),
    "the bridge is gone": (f"mv {site.BRIDGE} {site.BRIDGE}.away", site.BRIDGE),
}
MEND = {"the bridge is gone": f"mv {site.BRIDGE}.away {site.BRIDGE}"}


def test_a_healthy_host(host: Machine, controller: Controller) -> None:
    outcome = controller.run("verify.yml", {host: site.variables()}).must_succeed()
    assert outcome.changed == 0


@pytest.mark.parametrize("drift", DRIFTS)
def test_drift_is_named(host: Machine, controller: Controller, drift: str) -> None:
    spoil, named = DRIFTS[drift]
    host.ssh(spoil)
    before = site.fingerprint(host)
    outcome = controller.run("verify.yml", {host: site.variables()}).must_fail()
    assert named in outcome.failure()
    assert site.fingerprint(host) == before
    host.ssh(MEND.get(drift, "true"))
    controller.run("deploy.yml", {host: site.variables()}).must_succeed()
    controller.run("verify.yml", {host: site.variables()}).must_succeed()
