"""A home on each kind of store, and a bridge that writes its file."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery.homes import Home
from tests.delivery.monitors import Monitor
from tests.privileges import NOBODY


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """Lay out a home on an empty store, once for each kind of store."""
    url = request.getfixturevalue("database_url") if request.param == "postgresql" else None
    return Home(tmp_path / "home", tmp_path / "bridge" / "messages.db", url)


@pytest.fixture
def embedded_home(tmp_path: Path) -> Home:
    """Lay out a home on the embedded store, where the kind of store does not matter."""
    return Home(tmp_path / "home", tmp_path / "bridge" / "messages.db")


@pytest.fixture
def server_home(tmp_path: Path, database_url: str) -> Home:
    """Lay out a home on an empty PostgreSQL database."""
    return Home(tmp_path / "home", tmp_path / "bridge" / "messages.db", database_url)


@pytest.fixture
def monitor(home: Home) -> Iterator[Monitor]:
    """Start a monitor on `home` that stays, so that what happens meanwhile is met running."""
    found = Monitor(home)
    yield found
    found.close()


@pytest.fixture
def strangers_home() -> Iterator[Home]:
    """Lay out a home of a user who may only read the bridge's folder, outside of pytest's own.

    That user is nobody when the tests run as root, whom no permission binds.
    """
    folder = Path(tempfile.mkdtemp(prefix="wa-monitor-test-"))
    folder.chmod(0o755)
    found = Home(folder / "home", folder / "bridge" / "messages.db")
    if os.geteuid() == 0:
        for path in (found.path, *found.path.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    yield found
    shutil.rmtree(folder)
