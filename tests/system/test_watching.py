"""Seen from outside after a deploy: the endpoints, who can reach them, and who is told."""

import json
import subprocess
import sys
from typing import Any

import pytest

from monitor.demo.groups import LAWLEY
from tests.system import site
from tests.system.machine import Machine
from tests.system.play import Controller

each_environment = pytest.mark.parametrize("environment", site.ENVIRONMENTS)

TOKEN = "the-channels-secret"
RECEIVER_PORT = 9199
RECEIVED = "/var/lib/received"
RECEIVER = f"""
import http.server
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open("{RECEIVED}", "ab") as file:
            file.write(body + b"\\n")
        self.send_response(200)
        self.end_headers()
    def log_message(self, *words):
        pass
http.server.HTTPServer(("127.0.0.1", {RECEIVER_PORT}), Receiver).serve_forever()
"""
ASK = """
import sys, urllib.request, urllib.error
try:
    answer = urllib.request.urlopen(sys.argv[1], timeout=20)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status)
print(answer.read().decode())
"""

KNOCK = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)
    print("reached")
except OSError as error:
    print(type(error).__name__)
"""
# The local addresses of a process's sockets that others can send to.
LISTENING = """
import os, sys
sockets = set()
for fd in os.listdir(f"/proc/{sys.argv[1]}/fd"):
    try:
        sockets.add(os.readlink(f"/proc/{sys.argv[1]}/fd/{fd}"))
    except OSError:
        pass
for kind, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
    for line in open(f"/proc/net/{kind}").read().splitlines()[1:]:
        words = line.split()
        if words[3] == state and f"socket:[{words[9]}]" in sockets:
            print(words[1])
"""


def ask(host: Machine, environment: str, path: str) -> tuple[int, str]:
    """Return what an address of an environment answers, asked on the host itself."""
    url = f"http://127.0.0.1:{site.HTTP_PORTS[environment]}{path}"
    said = host.ssh(f"/usr/bin/python3 - {url}", stdin=ASK).stdout
    status, _, text = said.partition("\n")
    return int(status), text.rstrip("\n")


def alerts(host: Machine) -> list[dict[str, Any]]:
    """Return what the receiver on the host has been told."""
    said = host.says(f"cat {RECEIVED} 2>/dev/null || true")
    return [json.loads(line) for line in said.splitlines()]


@each_environment
def test_the_endpoints_answer(host: Machine, environment: str) -> None:
    assert ask(host, environment, "/healthz") == (200, "ok")
    assert ask(host, environment, "/readyz") == (200, "ready")
    assert "wa_monitor_ready 1.0" in ask(host, environment, "/metrics")[1]
    assert f"wa-monitor {environment}" in ask(host, environment, "/")[1]
    status = json.loads(ask(host, environment, "/api/status.json")[1])
    assert status["service"]["release"] == site.live_release(host, environment)
    told = site.status(host, environment)
    assert [group["message_id"] for group in status["groups"]] == [
        group["message_id"] for group in told["groups"]
    ]


def test_nothing_listens_beyond_loopback(host: Machine) -> None:
    for environment, port in site.HTTP_PORTS.items():
        pid = site.main_pid(host, environment)
        own = host.ssh(f"/usr/bin/python3 - {pid}", stdin=LISTENING).stdout.split()
        assert own == [f"0100007F:{port:04X}"]  # 127.0.0.1, as the kernel writes it
        assert reached(host, port) == "ConnectionRefusedError"
    assert reached(host, 22) == "reached"


def reached(host: Machine, port: int) -> str:
    """Try a port of the host from elsewhere in its network."""
    lab = ["ip", "netns", "exec", host.lab.namespace]
    return subprocess.run(
        [*lab, sys.executable, "-c", KNOCK, host.address, str(port)],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip


def test_the_page_knows_the_last_backup(host: Machine, controller: Controller) -> None:
    controller.run("backup.yml", {host: site.variables()}).must_succeed()
    newest = host.says(f"ls -d {site.ROOT}/backups/*/prod-* | tail -1")
    site.eventually(
        "the service shows the backup that it cannot see itself",
        lambda: (
            (json.loads(ask(host, "prod", "/api/status.json")[1])["backup"] or {}).get("name")
            == "/".join(newest.split("/")[-2:])
        ),
        30,
    )


def test_a_port_that_is_another_programs_fails_the_gate(
    host: Machine, controller: Controller
) -> None:
    before = site.live_release(host, "dev")
    variables = site.variables(wa_monitor_health_timeout=5)
    variables["wa_monitor_environments"][1]["http_port"] = 8103
    host.ssh("systemd-run --quiet --unit=other python3 -m http.server 8103 --bind 127.0.0.1")
    try:
        outcome = controller.run("deploy.yml", {host: variables}).must_fail()
    finally:
        host.ssh("systemctl stop other")
    assert "/readyz" in outcome.failure()
    assert site.live_release(host, "dev") == before
    assert ask(host, "dev", "/readyz") == (200, "ready")


def test_an_alert_arrives_when_state_json_is_damaged_by_hand(
    host: Machine, controller: Controller
) -> None:
    host.write("/var/lib/receiver.py", RECEIVER)
    host.ssh("systemd-run --quiet --unit=receiver /usr/bin/python3 /var/lib/receiver.py")
    urls = {"prod": f"json://127.0.0.1:{RECEIVER_PORT}/{TOKEN}"}
    outcome = controller.run("deploy.yml", {host: site.variables(wa_monitor_alert_urls=urls)})
    assert TOKEN not in outcome.must_succeed().output
    assert alerts(host) == []
    host.ssh(f"echo '{{ damaged' > {site.ROOT}/prod/state.json")
    with site.bridge(host) as bridge:
        bridge.post(LAWLEY, "DR1752028")
    site.wait_for_drops(host, "prod", ["DR1752028"])
    site.eventually("an alert arrives", lambda: bool(alerts(host)), 60)
    (alert,) = alerts(host)
    assert "state corrupt alert" in alert["title"]
    assert "state.json.corrupt-" in alert["message"]
    site.eventually("the page shows it", lambda: "state corrupt" in ask(host, "prod", "/")[1])
    everything = host.says("journalctl -q --no-pager -o cat; cat /opt/wa-monitor/*/logs/*.log")
    assert TOKEN not in everything
    assert ask(host, "prod", "/readyz") == (200, "ready")
