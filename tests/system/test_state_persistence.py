"""State Persistence: a restart goes on where it stopped, and says so."""

from monitor.demo.groups import KNOWN_GROUPS
from tests.system import database, site
from tests.system.machine import Machine


def test_state_persistence(host: Machine) -> None:
    before = site.state(host, "prod")
    assert set(before) == set(KNOWN_GROUPS.values())
    drops = database.drops(host, "prod")
    mark = host.says("date +%s.%N")
    host.ssh("systemctl restart wa-monitor-prod")
    site.wait_until_ready(host, "prod")
    since = f"journalctl -q --no-pager -o cat -u wa-monitor-prod --since @{mark}"
    assert "Loaded state: 4 groups" in host.says(since)
    log = host.says(f"cat {site.ROOT}/prod/logs/wa-monitor-prod.log")
    assert "Loaded state: 4 groups" in log
    assert site.state(host, "prod") == before
    assert database.drops(host, "prod") == drops


def test_a_lost_state_file_is_no_loss(host: Machine) -> None:
    before = site.state(host, "prod")
    host.ssh(
        f"systemctl stop wa-monitor-prod; rm {site.ROOT}/prod/state.json;"
        " systemctl start wa-monitor-prod"
    )
    path = host.path(f"{site.ROOT}/prod/state.json")
    site.eventually("the file is back", path.exists)
    site.eventually("with its cursors", lambda: site.state(host, "prod") == before)


def test_a_corrupt_state_file_is_moved_aside(host: Machine) -> None:
    before = site.state(host, "prod")
    path = host.path(f"{site.ROOT}/prod/state.json")
    host.ssh("systemctl stop wa-monitor-prod")
    path.write_text("{not json")
    host.ssh("systemctl start wa-monitor-prod")
    site.eventually(
        "the cursors are back", lambda: path.exists() and site.state(host, "prod") == before
    )
    assert [found.read_text() for found in path.parent.glob("state.json.corrupt-*")] == [
        "{not json"
    ]
