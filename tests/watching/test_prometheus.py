"""The rules and the dashboard fit the numbers, in a real Prometheus that scrapes a real service."""

import json
import re
import signal
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY
from tests.delivery.homes import Home
from tests.delivery.projects import write_projects
from tests.delivery.services import Service
from tests.delivery.waiting import until
from tests.postgres_server import free_port
from tests.watching.web import Web

pytestmark = pytest.mark.service

FILES = Path(__file__).parents[2] / "roles" / "wa_monitor_observability" / "files"
RULES = FILES / "wa-monitor.rules.yml"
DASHBOARD = FILES / "wa-monitor.dashboard.json"
RULES_TEST = Path(__file__).with_name("rules_test.yml")

METRIC = re.compile(r"\b(?:wa_monitor|process)_[a-z_]+")
SELECTOR = re.compile(r"\b((?:wa_monitor|process)_[a-z_]+)\{([^}]*)\}")
GROUPING = re.compile(r"\b(?:by|on) \(([^)]*)\)")
NAMED = re.compile(r"\{\{ *(?:\$labels\.)?(\w+) *\}\}")


@pytest.mark.parametrize("words", [["check", "rules", RULES], ["test", "rules", RULES_TEST]])
def test_promtool_accepts_the_rules(words: list[object]) -> None:
    done = subprocess.run(
        ["promtool", *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def prometheus(folder: Path, web: Web) -> Iterator[Callable[..., Any]]:
    """Run a Prometheus that scrapes `web` each second; yield a way to ask its API."""
    folder.mkdir()
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {
                "job_name": "wa-monitor",
                "static_configs": [
                    {"targets": [f"127.0.0.1:{web.port}"], "labels": {"environment": "prod"}}
                ],
            }
        ],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    port = free_port()
    process = subprocess.Popen(
        ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}",
         f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def ask(path: str, **query: str) -> Any:
        url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with suppress(OSError), urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]
        return None

    try:
        yield ask
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def targets(dashboard: dict[str, Any]) -> list[dict[str, str]]:
    return [target for panel in dashboard["panels"] for target in panel["targets"]]


def expressions(dashboard: dict[str, Any]) -> list[str]:
    return [target["expr"] for target in targets(dashboard)]


def labels_used(expression: str) -> set[tuple[str, str]]:
    """Return each label that an expression selects or groups by, with the metrics it is of."""
    used = {
        (metric, label)
        for metric, selected in SELECTOR.findall(expression)
        for label in re.findall(r"(\w+)(?:=~|!~|!=|=)", selected)
    }
    for grouped in GROUPING.findall(expression):
        for label in re.findall(r"\w+", grouped):
            used |= {(metric, label) for metric in METRIC.findall(expression)}
    return used


def test_every_panel_and_rule_finds_its_numbers(
    make_home: Callable[..., Home], bridge: BridgeWriter, tmp_path: Path
) -> None:
    home = make_home(AUDIT_INTERVAL="10")
    write_projects(home, Lawley={"validate": True})
    made = datetime.now(UTC) - timedelta(hours=3)
    backup = home.path.parent / "backups" / f"{made:%Y-%m-%d}" / f"home-{made:%H%M%S}Z"
    backup.mkdir(parents=True)
    (backup / "MANIFEST.json").touch()
    start = datetime.now(UTC).replace(microsecond=0)
    for minutes in range(0, 60 * 24 * 28, 30):  # four weeks of habits
        bridge.post(LAWLEY, "hi", timestamp=start - timedelta(minutes=minutes), commit=False)
    bridge.post(LAWLEY, "DR1752028", timestamp=start)
    with Service(home), prometheus(tmp_path / "prometheus", Web(home)) as ask:
        web = Web(home)
        web.wait_until_ready()
        until(lambda: "wa_monitor_last_audit_timestamp_seconds" in web.metrics(), "an audit", 60)
        exported = set(METRIC.findall(web.ask("/metrics").text))
        dashboard = json.loads(DASHBOARD.read_text())
        used = set(METRIC.findall("\n".join([RULES.read_text(), *expressions(dashboard)])))
        assert used - exported == set()
        assert {name for name in exported if name.startswith("wa_monitor_")} >= {
            "wa_monitor_messages_read_total", "wa_monitor_drops_total",
            "wa_monitor_resubmissions_total", "wa_monitor_malformed_total",
            "wa_monitor_dead_letters", "wa_monitor_lag_messages", "wa_monitor_lag_seconds",
            "wa_monitor_last_message_age_seconds", "wa_monitor_store_errors_total",
            "wa_monitor_state_saves_total", "wa_monitor_state_corruptions_total",
            "wa_monitor_batch_seconds_bucket", "wa_monitor_restarts_total",
        }  # fmt: skip

        def silent_panels() -> list[str]:
            asked = [each.replace("$environment", ".*") for each in expressions(dashboard)]
            return [each for each in asked if not (ask("query", query=each) or {}).get("result")]

        until(lambda: silent_panels() == [], "every panel shows something", 30)
        rules = ask("rules")["groups"][0]["rules"]
        assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
        firing = [rule["name"] for rule in rules if rule["state"] == "firing"]
        assert firing == ["WaMonitorUnchecked"]  # its list is empty

        def labels(metric: str) -> set[str]:
            return {label for series in ask("series", **{"match[]": metric}) for label in series}

        exprs = [*expressions(dashboard), *(rule["query"] for rule in rules)]
        wanted = {each for expr in exprs for each in labels_used(expr)}
        assert ("wa_monitor_answers", "state") in wanted
        missing = {(metric, label) for metric, label in wanted if label not in labels(metric)}
        assert missing == set()
        for target in targets(dashboard):
            expr = target["expr"].replace("$environment", ".*")
            for series in ask("query", query=expr)["result"]:
                assert set(NAMED.findall(target["legendFormat"])) <= series["metric"].keys(), expr
        for rule in rules:
            told = set(NAMED.findall("\n".join(rule["annotations"].values()))) - {"value"}
            known = {name for metric in METRIC.findall(rule["query"]) for name in labels(metric)}
            assert told <= known or rule["name"] == "WaMonitorGone", rule["name"]
