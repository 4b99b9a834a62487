"""remove.yml takes the services away and leaves data and backups."""

from tests.system import database, site
from tests.system.machine import Machine
from tests.system.play import Controller


def test_remove(host: Machine, controller: Controller) -> None:
    host.ssh("(crontab -l; echo '15 4 * * * /usr/bin/true') | crontab -")
    controller.run("backup.yml", {host: site.variables()}).must_succeed()
    backups = set(host.path(f"{site.ROOT}/backups").glob("2*/*"))
    assert backups
    state = site.state(host, "prod")
    controller.run("remove.yml", {host: site.variables()}).must_succeed()

    assert host.says("systemctl list-units --all --no-legend 'wa-monitor*'") == ""
    assert host.says("ls /etc/systemd/system | grep wa-monitor || true") == ""
    assert host.says("ls /etc/logrotate.d | grep wa-monitor || true") == ""
    assert host.says("crontab -l") == "15 4 * * * /usr/bin/true"
    assert backups <= set(host.path(f"{site.ROOT}/backups").glob("2*/*"))
    assert site.state(host, "prod") == state
    assert len(database.drops(host, "prod")) == 4

    again = controller.run("remove.yml", {host: site.variables()}).must_succeed()
    assert again.changed == 0, again.output


def test_and_deploy_again(host: Machine, controller: Controller) -> None:
    controller.run("deploy.yml", {host: site.variables()}).must_succeed()
    site.wait_until_ready(host)
    assert len(database.drops(host, "prod")) == 4
    assert site.doubled(host, "prod") == []
