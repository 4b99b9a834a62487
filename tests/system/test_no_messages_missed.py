"""No Messages Missed: what is posted while a service is down or restarting is in the database."""

from monitor.demo.groups import LAWLEY
from tests.system import site
from tests.system.machine import Machine
from tests.system.traffic import Traffic


def test_no_messages_missed(host: Machine) -> None:
    host.ssh("systemctl stop wa-monitor-prod")
    with site.bridge(host) as bridge:
        bridge.post(LAWLEY, "DR9300001")
    host.ssh("systemctl start wa-monitor-prod")
    site.wait_for_drops(host, "prod", ["DR9300001"])


def test_restarts_under_load(host: Machine) -> None:
    with Traffic(host, rate=50, first=9_400_000) as traffic:
        for _ in range(5):
            host.ssh("systemctl restart wa-monitor-prod")
    site.wait_for_drops(host, "prod", traffic.drops)
    assert site.doubled(host, "prod") == []


def test_kills_under_load(host: Machine) -> None:
    with Traffic(host, rate=50, first=9_500_000) as traffic:
        for _ in range(3):
            host.ssh("systemctl kill --signal=KILL --kill-whom=main wa-monitor-prod")
            site.wait_until_ready(host, "prod", seconds=20)
    site.wait_for_drops(host, "prod", traffic.drops)
    assert site.doubled(host, "prod") == []


def test_a_database_that_dies_under_load(host: Machine) -> None:
    running = site.main_pid(host, "prod")
    with Traffic(host, rate=50, first=9_600_000) as traffic:
        host.ssh("systemctl kill --signal=KILL postgresql@15-main; sleep 2")
        host.ssh("systemctl reset-failed postgresql@15-main; systemctl start postgresql@15-main")
    site.wait_for_drops(host, "prod", traffic.drops, 20)
    assert site.doubled(host, "prod") == []
    assert site.main_pid(host, "prod") == running, "it waits for the store, and does not end"
