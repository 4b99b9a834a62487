"""A bridge, and homes whose services are watched."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import KNOWN_GROUPS
from tests.delivery.homes import Home
from tests.postgres_server import free_port
from tests.watching.webhook import Webhook


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a real monitor's settings in the caller's environment from the tests' monitors."""
    for key in list(os.environ):
        if key.startswith("WA_MONITOR_") or key in ("DATABASE_URL", "NEON_DATABASE_URL"):
            monkeypatch.delenv(key)


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[BridgeWriter]:
    """Open a bridge's file in its default journal mode, never waiting for the disk."""
    with BridgeWriter(tmp_path / "bridge" / "messages.db", fsync=False) as writer:
        yield writer


@pytest.fixture
def make_home(tmp_path: Path) -> Callable[..., Home]:
    """Return a function that lays out a home with HTTP on a free port and further settings."""

    def make(database_url: str | None = None, **settings: str) -> Home:
        settings.setdefault("HTTP_PORT", str(free_port()))
        bridge_path = tmp_path / "bridge" / "messages.db"
        return Home(tmp_path / "home", bridge_path, database_url, KNOWN_GROUPS, **settings)

    return make


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """Start a receiver of alerts on loopback."""
    with Webhook() as receiver:
        yield receiver
