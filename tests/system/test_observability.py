"""observability.yml: Debian's Prometheus scrapes what is deployed and can raise alarm."""

import json
import re
import textwrap
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.system import site
from tests.system.machine import Machine
from tests.system.play import REPO, Controller

ROLE = REPO / "roles/wa_monitor_observability/files"
SERVER = "http://127.0.0.1:9090"
DASHBOARD = "/var/lib/grafana/dashboards/wa-monitor.json"
PROVISIONING = "/etc/grafana/provisioning"
ASK = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=20).read().decode())"


def variables() -> dict[str, Any]:
    """Return the site's variables with a Grafana, of which only the folders are there."""
    return site.variables(
        wa_monitor_observability_dashboard=DASHBOARD, wa_monitor_observability_grafana_unit=""
    )


def once_in_prometheus_yml() -> str:
    """Return what the head of the playbook says that prometheus.yml needs."""
    head = (REPO / "playbooks/observability.yml").read_text()
    found = re.search(r"# prometheus\.yml needs, once:\n((?:# .*\n)+)", head)
    assert found
    return textwrap.dedent(found[1].replace("#", ""))


def ask(host: Machine, path: str) -> Any:
    """Return the data that Prometheus answers, asked on the host itself."""
    said = json.loads(host.ssh(f"/usr/bin/python3 - '{SERVER}/api/v1/{path}'", stdin=ASK).stdout)
    assert said["status"] == "success"
    return said["data"]


def written(host: Machine) -> str:
    return host.says(
        "find /etc/prometheus /etc/grafana /var/lib/grafana -type f -exec sha256sum {} +"
        " 2>/dev/null | sort"
    )


@pytest.fixture(scope="module")
def watched(host: Machine) -> Machine:
    """Start Prometheus, as the head of the playbook says, where only the host reaches it."""
    host.write("/etc/default/prometheus", 'ARGS="--web.listen-address=127.0.0.1:9090"\n')
    host.write(
        "/etc/prometheus/prometheus.yml",
        f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n{once_in_prometheus_yml()}",
    )
    host.ssh("systemctl enable --now prometheus")
    return host


def test_check_mode_tells_and_does_nothing(watched: Machine, controller: Controller) -> None:
    before = written(watched)
    outcome = controller.run("observability.yml", {watched: variables()}, "--check", "--diff")
    assert outcome.must_succeed().changed > 0
    assert "WaMonitor" in outcome.output
    assert written(watched) == before


def test_prometheus_scrapes_the_services_and_loads_the_rules(
    watched: Machine, controller: Controller
) -> None:
    controller.run("observability.yml", {watched: variables()}).must_succeed()

    def scraped() -> bool:
        active = ask(watched, "targets?state=active")["activeTargets"]
        return {each["labels"]["environment"]: each["health"] for each in active} == dict.fromkeys(
            site.ENVIRONMENTS, "up"
        )

    site.eventually("both services are scraped", scraped, 30)
    ready = ask(watched, "query?query=wa_monitor_ready")["result"]
    assert {each["metric"]["environment"]: each["value"][1] for each in ready} == dict.fromkeys(
        site.ENVIRONMENTS, "1"
    )
    rules = yaml.safe_load((ROLE / "wa-monitor.rules.yml").read_text())
    wanted = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    loaded = ask(watched, "rules?type=alert")["groups"]
    assert {rule["name"] for group in loaded for rule in group["rules"]} == wanted
    assert {rule["health"] for group in loaded for rule in group["rules"]} <= {"ok", "unknown"}


def test_a_second_run_changes_nothing(watched: Machine, controller: Controller) -> None:
    again = controller.run("observability.yml", {watched: variables()}).must_succeed()
    assert again.changed == 0, again.output


def test_an_alert_is_raised_when_a_service_is_gone(watched: Machine) -> None:
    watched.ssh("systemctl stop wa-monitor-dev")

    def raised() -> bool:
        alerts = ask(watched, "alerts")["alerts"]
        return any(each["labels"].get("environment") == "dev" for each in alerts)

    site.eventually("an alert about dev is pending or firing", raised, 30)
    watched.ssh("systemctl start wa-monitor-dev")
    site.wait_until_ready(watched)


def both_known(host: Machine) -> Callable[[], bool]:
    """Return whether Prometheus knows both environments, as the dashboard asks it."""

    def look() -> bool:
        known = ask(host, "query?query=wa_monitor_info")["result"]
        return {each["metric"]["environment"] for each in known} == set(site.ENVIRONMENTS)

    return look


def test_grafana_finds_the_dashboard_and_its_numbers(watched: Machine) -> None:
    provider = yaml.safe_load(watched.path(f"{PROVISIONING}/dashboards/wa-monitor.yml").read_text())
    (place,) = provider["providers"]
    assert provider["apiVersion"] == 1
    assert place["type"] == "file"
    (dashboard,) = watched.path(place["options"]["path"]).glob("*.json")
    assert dashboard == watched.path(DASHBOARD)
    assert json.loads(dashboard.read_text())["uid"] == "wa-monitor"
    assert dashboard.read_text() == (ROLE / "wa-monitor.dashboard.json").read_text()
    sources = yaml.safe_load(watched.path(f"{PROVISIONING}/datasources/wa-monitor.yml").read_text())
    assert [(each["type"], each["url"]) for each in sources["datasources"]] == [
        ("prometheus", SERVER)
    ]
    site.eventually("the dashboard's list of environments has both", both_known(watched), 20)
