"""The addresses of a running service, asked as a real client does."""

import json
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import monitor.web
from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY, MAMELODI
from tests.delivery.homes import Home
from tests.delivery.services import Service
from tests.delivery.waiting import until
from tests.watching.web import Web

pytestmark = pytest.mark.service

SCHEMA = Path(monitor.web.__path__[0]) / "status.schema.json"
SENDER = "27000000001"
TEXT = "the gate code is nobody's business"


@pytest.fixture
def home(
    request: pytest.FixtureRequest, make_home: Callable[..., Home], bridge: BridgeWriter
) -> Home:
    url = request.getfixturevalue("database_url") if hasattr(request, "param") else None
    return make_home(url)


both_stores = pytest.mark.parametrize("home", ["postgresql"], indirect=True, ids=["postgresql"])


def test_each_address_answers(home: Home, bridge: BridgeWriter) -> None:
    web = Web(home)
    bridge.post(LAWLEY, "DR1752028")
    with Service(home):
        web.wait_until_ready()
        assert web.ask("/healthz").text == "ok\n"
        assert web.ask("/readyz").text == "ready\n"
        assert web.ask("/").headers["Content-Type"] == "text/html; charset=utf-8"
        assert web.ask("/api/status.json").headers["Content-Type"] == "application/json"
        assert web.ask("/metrics").headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert web.ask("/other").status == 404
        assert web.ask("/", "POST").status == 405
        assert web.ask("/healthz", "HEAD")[0::2] == (200, "")
        assert web.ask("/api/status.json?days=0").status == 400
        for path in ("/", "/metrics", "/api/status.json"):
            headers = web.ask(path).headers
            assert headers["Cache-Control"] == "no-store"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert "Server" not in headers


def test_nothing_listens_beyond_loopback(home: Home, bridge: BridgeWriter) -> None:
    web = Web(home)
    with Service(home) as service:
        web.wait_until_ready()
        listening = subprocess.run(
            ["ss", "-Hltnup"], check=True, capture_output=True, text=True
        ).stdout.splitlines()
        own = [line for line in listening if f"pid={service.process.pid}," in line]
        assert [line.split()[4] for line in own] == [f"127.0.0.1:{web.port}"]


def test_without_a_port_nothing_listens(
    make_home: Callable[..., Home], bridge: BridgeWriter
) -> None:
    home = make_home(HTTP_PORT="0")
    with Service(home) as service:
        service.wait_for("Delivery goes on")
        bridge.post(LAWLEY, "DR1752028")
        service.wait_until(lambda: home.store.drops() == ["DR1752028"], "the drop is delivered")
        sockets = subprocess.run(
            ["ss", "-Hltnup"], check=True, capture_output=True, text=True
        ).stdout
        assert f"pid={service.process.pid}," not in sockets


def test_a_port_that_is_taken_does_not_stop_delivery(home: Home, bridge: BridgeWriter) -> None:
    web = Web(home)
    with socket.create_server(("127.0.0.1", web.port)), Service(home) as service:
        service.wait_for("HTTP not served")
        bridge.post(LAWLEY, "DR1752028")
        service.wait_until(lambda: home.store.drops() == ["DR1752028"], "the drop is delivered")


@both_stores
def test_the_json_is_as_its_schema_says_and_as_the_command_says(
    home: Home, bridge: BridgeWriter
) -> None:
    web = Web(home)
    bridge.post(LAWLEY, "DR1752028 and DR1752034, not DR12345")
    first = bridge.post(MAMELODI, "DR1752040")
    with Service(home) as service:
        web.wait_until_ready()
        service.wait_until(lambda: len(home.store.drops()) == 3, "three drops are delivered")
        service.wait_until(
            lambda: [day["messages"] for day in web.status()["days"]] == [1, 1],
            "the day's messages are counted",
            20,
        )
        over_http = web.status()
        said = json.loads(home.ask("status", "--json").stdout)
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    for found in (over_http, said):
        assert list(Draft202012Validator(schema).iter_errors(found)) == []
    for moving in ("taken_at", "service", "instances"):
        del over_http[moving], said[moving]
    assert over_http == said
    assert said["counts"] == {
        "drops": 3, "resubmissions": 0, "malformed": 1, "dead_letters": 0,
        "invalid": 0,
    }  # fmt: skip
    assert {group["name"]: group["message_id"] for group in said["groups"]}["Mamelodi"] == first
    assert {(day["project"], day["messages"], day["drops"]) for day in said["days"]} == {
        ("Lawley", 1, 2),
        ("Mamelodi", 1, 1),
    }


def test_nothing_private_is_shown(make_home: Callable[..., Home], bridge: BridgeWriter) -> None:
    home = make_home()
    old_group = "27000000009-1401234567@g.us"
    home.write_projects({"Lawley": LAWLEY, "Old": old_group})
    web = Web(home)
    for group in (LAWLEY, old_group):
        bridge.post(group, f"DR1752028 {TEXT}", sender=SENDER)
        bridge.post(group, f"DR12345 {TEXT}", sender=SENDER)
    bridge.post(LAWLEY, f"DR1752040 {TEXT}", sender=SENDER, timestamp="no time at all")
    with Service(home) as service:
        web.wait_until_ready()
        service.wait_for("set aside")
        shown = "".join(web.ask(path).text for path in ("/", "/api/status.json", "/metrics"))
    assert "DR1752028" in shown
    for secret in (SENDER, "27000000009", TEXT, "DR12345"):
        assert secret not in shown


def test_a_bridge_that_is_gone_is_not_ready_but_alive(home: Home, bridge: BridgeWriter) -> None:
    web = Web(home)
    bridge.close()
    home.bridge_path.unlink()
    with Service(home) as service:
        service.wait_for("HTTP served")
        until(lambda: web.status_of("/readyz") == 503, "not ready")
        assert "does not exist" in web.ask("/readyz").text
        assert web.ask("/healthz").status == 200
        assert web.metrics()["wa_monitor_bridge_up"] == 0
        with BridgeWriter(home.bridge_path, fsync=False):
            web.wait_until_ready()
        assert web.metrics()["wa_monitor_bridge_up"] == 1


def test_a_state_file_that_cannot_be_read_is_not_ready(home: Home, bridge: BridgeWriter) -> None:
    web = Web(home)
    with Service(home):
        web.wait_until_ready()
        home.state_path.unlink()
        home.state_path.mkdir()
        home.state_path.joinpath("x").touch()
        until(lambda: web.ask("/readyz").text.startswith("state:"), "not ready, and says why")
        web.wait_until_ready()  # moved aside and written anew
