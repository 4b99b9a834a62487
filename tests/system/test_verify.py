"""verify.yml finds what is not as the repository says, and changes nothing."""

from tests.system import site
from tests.system.machine import Machine
from tests.system.play import Controller

DRIFTS = {
    "the unit was edited": (
        f"sed -i 's/^MemoryMax=.*/MemoryMax=infinity/' /etc/systemd/system/{site.unit('prod')};"
        " systemctl daemon-reload",
        f"/etc/systemd/system/{site.unit('prod')} is not as the inventory says",
    ),
    "the config was edited": (
        f"echo '# by hand' >> {site.ROOT}/prod/config/projects.yaml",
        f"{site.ROOT}/prod/config/projects.yaml is not as the inventory says",
    ),
    "the crontab lost its line": ("crontab -r", "crontab"),
    "a service is down": ("systemctl stop wa-monitor-dev", "wa-monitor-dev is not active"),
    "a service is not enabled": (
        "systemctl disable -q wa-monitor-prod",
        "wa-monitor-prod: enable",
    ),
    "the rights of .env are loose": (f"chmod 0644 {site.ROOT}/prod/.env", f"{site.ROOT}/prod/.env"),
    "the bridge is gone": (f"mv {site.BRIDGE} {site.BRIDGE}.away", site.BRIDGE),
}


def test_a_healthy_host(host: Machine, controller: Controller) -> None:
    outcome = controller.run("verify.yml", {host: site.variables()}).must_succeed()
    assert outcome.changed == 0


def test_every_drift_is_named_and_a_deploy_mends_it(host: Machine, controller: Controller) -> None:
    for spoil, _ in DRIFTS.values():
        host.ssh(spoil)
    before = site.fingerprint(host)
    told = controller.run("verify.yml", {host: site.variables()}).must_fail().failure()
    assert site.fingerprint(host) == before
    unnamed = [drift for drift, (_, name) in DRIFTS.items() if name not in told]
    assert not unnamed, told

    host.ssh(f"mv {site.BRIDGE}.away {site.BRIDGE}")
    controller.run("deploy.yml", {host: site.variables()}).must_succeed()
    controller.run("verify.yml", {host: site.variables()}).must_succeed()
