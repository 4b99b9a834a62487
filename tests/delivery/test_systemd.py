"""What systemd hears of the service, on a real notification socket."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY
from tests.delivery.homes import Home
from tests.delivery.services import Service
from tests.delivery.waiting import until

pytestmark = pytest.mark.service


class Systemd:
    """The receiving end of NOTIFY_SOCKET; `heard` are the messages so far, with their times."""

    def __init__(self, receiver: socket.socket) -> None:
        self._receiver = receiver
        self.heard: list[tuple[float, str]] = []

    def listen(self) -> None:
        """Take what has been sent."""
        while True:
            try:
                self.heard.append((time.monotonic(), self._receiver.recv(4096).decode()))
            except BlockingIOError:
                return

    def hears(self, part: str) -> bool:
        """Tell whether some message holds `part`."""
        self.listen()
        return any(part in message for _, message in self.heard)


@pytest.fixture
def address(tmp_path: Path) -> str:
    return str(tmp_path / "notify")


@pytest.fixture
def systemd(address: str) -> Iterator[Systemd]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as receiver:
        receiver.bind(address)
        receiver.setblocking(False)
        yield Systemd(receiver)


def test_ready_status_and_stopping(
    embedded_home: Home, bridge: BridgeWriter, systemd: Systemd, address: str
) -> None:
    bridge.post(LAWLEY, "DR1000000")
    with Service(embedded_home, NOTIFY_SOCKET=address) as service:
        service.wait_until(lambda: systemd.hears("READY=1"), "it is ready")
        assert ("READY=1\nSTATUS=watching 4 groups") in [message for _, message in systemd.heard]
        assert embedded_home.store.drops() == ["DR1000000"]
        assert service.stop()[0] == 0
    systemd.listen()
    told = [message for _, message in systemd.heard if message != "WATCHDOG=1"]
    assert told == ["READY=1\nSTATUS=watching 4 groups", "STOPPING=1"]


def test_ready_although_bridge_and_store_are_not_there(
    embedded_home: Home, systemd: Systemd, address: str
) -> None:
    """A restart by cron must not hang on a dead database."""
    dead = "postgresql://monitor:only-for-tests@127.0.0.1:1/qa"
    with Service(embedded_home, NOTIFY_SOCKET=address, DATABASE_URL=dead) as service:
        service.wait_until(lambda: systemd.hears("READY=1\nSTATUS=waiting: store: "), "it is ready")
        assert not systemd.hears("only-for-tests")


def test_the_status_follows_what_it_waits_for(
    embedded_home: Home, systemd: Systemd, address: str
) -> None:
    with Service(embedded_home, NOTIFY_SOCKET=address) as service:
        service.wait_until(lambda: systemd.hears("READY=1\nSTATUS=waiting: bridge: "), "it waits")
        with BridgeWriter(embedded_home.bridge_path, fsync=False) as bridge:
            bridge.post(LAWLEY, "DR1000000")
        service.wait_until(lambda: systemd.hears("STATUS=watching 4 groups"), "it goes on")


def test_the_watchdog_is_fed_by_an_idle_loop(
    embedded_home: Home, bridge: BridgeWriter, systemd: Systemd, address: str
) -> None:
    bridge.post(LAWLEY, "DR1000000")
    with Service(embedded_home, NOTIFY_SOCKET=address, WATCHDOG_USEC="600000") as service:
        service.wait_until(lambda: systemd.hears("READY=1"), "it is ready")
        systemd.heard.clear()
        until(lambda: systemd.hears("") and len(systemd.heard) > 5, "it feeds the watchdog")
        assert {message for _, message in systemd.heard} == {"WATCHDOG=1"}
        times = [moment for moment, _ in systemd.heard]
        assert max(b - a for a, b in pairwise(times)) < 0.6


def test_bad_settings_are_never_ready(embedded_home: Home, systemd: Systemd, address: str) -> None:
    (embedded_home.path / "config" / "projects.yaml").write_text("projects: 7\n")
    with Service(embedded_home, NOTIFY_SOCKET=address) as service:
        assert service.process.wait(10) == 2
    assert not systemd.hears("READY")
    assert len(service.lines) == 1
    assert "projects.yaml:1: /projects: expected" in service.lines[0]
