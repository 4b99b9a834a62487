"""A reboot, and a power cut, bring both services back by themselves."""

from monitor.demo.groups import VELO_TEST
from tests.system import site
from tests.system.machine import Machine


def back_again(machine: Machine, drop: str) -> None:
    """See both services come up and read what was posted while the machine was off."""
    for name in site.ENVIRONMENTS:
        site.wait_until_ready(machine, name, seconds=20)
        site.wait_for_drops(machine, name, [drop])


def test_a_reboot(host: Machine) -> None:
    host.ssh("systemctl stop wa-monitor-prod wa-monitor-dev")
    with site.bridge(host) as bridge:
        bridge.post(VELO_TEST, "DR9100001")
    host.reboot()
    back_again(host, "DR9100001")


def test_a_power_cut(host: Machine) -> None:
    host.kill()
    with site.bridge(host) as bridge:
        bridge.post(VELO_TEST, "DR9100002")
    host.boot()
    back_again(host, "DR9100002")
    assert site.doubled(host, "prod") == []
