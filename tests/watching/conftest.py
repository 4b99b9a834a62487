"""A bridge, and homes whose services are watched."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from monitor.demo.groups import KNOWN_GROUPS
from tests.delivery.homes import Home
from tests.postgres_server import free_port
from tests.watching.webhook import Webhook


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
