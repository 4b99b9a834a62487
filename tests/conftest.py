"""Fixtures that every folder of tests may use."""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from tests.postgres_server import PostgresServer

_numbers = count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Start the server of this process (with pytest-xdist: of this worker); a test may break it."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def database_url(postgres: PostgresServer) -> Iterator[str]:
    """Create a new, empty database of the running server."""
    postgres.start()
    name = f"test_{next(_numbers)}"
    yield postgres.create_database(name)
    postgres.start()
    postgres.drop_database(name)


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
