"""The database's password is shown nowhere: by no command, log, error or process list."""

from pathlib import Path

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY
from tests.delivery.commands import say
from tests.delivery.homes import Home
from tests.delivery.services import Service
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.service

SECRET = "open%20sesame%2F7"
PLAIN = "open sesame/7"

URLS = {
    "nobody-listens": f"postgresql://monitor:{SECRET}@127.0.0.1:1/qa",
    "in-the-query": f"postgresql://127.0.0.1:1/qa?user=monitor&password={SECRET}",
    "not-percent-encoded": "postgresql://monitor:open%sesame@127.0.0.1:1/qa",
    "bad-port": f"postgresql://monitor:{SECRET}@127.0.0.1:port/qa",
    "two-ats": "postgresql://monitor:open@sesame@127.0.0.1:1/qa",
    "unknown-option": f"postgresql://monitor:{SECRET}@127.0.0.1:1/qa?sslmod=require",
}
COMMANDS = [["config", "show"], ["status"], ["status", "--json"], ["db", "check"], ["audit"]]


def assert_hidden(text: str) -> None:
    for secret in ("sesame", SECRET, PLAIN):
        assert secret not in text, text


@pytest.mark.parametrize("url", URLS.values(), ids=URLS.keys())
def test_a_store_that_cannot_be_reached(
    embedded_home: Home, bridge: BridgeWriter, url: str
) -> None:
    home = embedded_home
    bridge.post(LAWLEY, "DR1000000")
    log = home.path / "logs" / "monitor.log"
    with (home.path / ".env").open("a") as settings:
        settings.write(f"DATABASE_URL='{url}'\nLOG_FILE={log}\nLOG_LEVEL=DEBUG\n")
    for command in COMMANDS:
        said = say(home, *command)
        assert_hidden(said.out + said.err)
    with Service(home) as service:
        service.wait_for('"Waiting for the store"')
        assert_hidden(Path(f"/proc/{service.process.pid}/cmdline").read_text())
        service.stop()
    assert_hidden("\n".join(service.lines))
    assert_hidden(log.read_text())
    assert_hidden((home.path / "logs" / "service.lock").read_text())


def test_a_password_that_is_refused(
    server_home: Home, bridge: BridgeWriter, postgres: PostgresServer
) -> None:
    bridge.post(LAWLEY, "DR1000000")
    wrong = postgres.url("postgres").replace(postgres.password, SECRET)
    with Service(server_home, DATABASE_URL=wrong) as service:
        service.wait_for('"Waiting for the store".*password authentication failed')
        assert_hidden("\n".join(service.lines))


def test_what_is_shown_of_a_store_that_works(server_home: Home, postgres: PostgresServer) -> None:
    for command in COMMANDS:
        said = say(server_home, *command)
        assert postgres.password not in said.out + said.err
    shown = say(server_home, "config", "show").out
    assert f"postgresql://monitor:***@127.0.0.1:{postgres.port}/" in shown


def test_messages_and_senders_are_not_logged_at_info(
    embedded_home: Home, bridge: BridgeWriter
) -> None:
    bridge.post(LAWLEY, "DR1000000 behind the blue gate", sender="27000000042")
    bridge.post(LAWLEY, "DR1000001 the green gate", sender="27000000043", timestamp="yesterday")
    with Service(embedded_home) as service:
        service.wait_for("Message set aside")
        service.stop()
    for word in ("blue gate", "green gate", "27000000042", "27000000043"):
        assert not service.said(word)
