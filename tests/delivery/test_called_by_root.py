"""An operator calls the commands as root: the service, another user, can go on afterwards."""

import os
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY
from tests.delivery.homes import Home
from tests.delivery.services import Service
from tests.privileges import NOBODY, require_root

pytestmark = pytest.mark.service


class Deployed(NamedTuple):
    """A home as a deployment lays it out, and its bridge."""

    home: Home
    bridge: BridgeWriter


@pytest.fixture
def deployed(strangers_home: Home) -> Iterator[Deployed]:
    """Make the home root's and sticky; only its `logs` are the service's own."""
    require_root("calling commands as root needs root")
    home = strangers_home
    with (home.path / ".env").open("a") as settings:
        settings.write(f"LOG_FILE={home.path}/logs/service.log\n")
    (home.path / "logs").mkdir()
    os.chown(home.path / "logs", NOBODY, NOBODY)
    os.chown(home.path, 0, NOBODY)
    home.path.chmod(0o1770)
    with BridgeWriter(home.bridge_path, fsync=False) as bridge:
        yield Deployed(home, bridge)


def of_root(home: Home) -> list[str]:
    """Return what root has in a home."""
    return [
        str(path.relative_to(home.path))
        for path in home.path.rglob("*")
        if path.stat().st_uid != NOBODY
    ]


def test_before_the_service_has_ever_run(deployed: Deployed) -> None:
    home, bridge = deployed
    bridge.post(LAWLEY, "DR1000000")
    for words in (["status"], ["db", "migrate"], ["scan"], ["audit", "--repair"]):
        assert "Traceback" not in home.ask(*words).stderr
    assert of_root(home) == []
    with Service(home, as_nobody=True) as service:
        bridge.post(LAWLEY, "DR1000001")
        service.wait_until(lambda: home.store.holds("DR1000001"), "it delivers")
    assert home.store.drops() == ["DR1000000", "DR1000001"]


def test_a_state_put_back_where_there_is_none(deployed: Deployed) -> None:
    home, bridge = deployed
    bridge.post(LAWLEY, "DR1000000")
    assert home.ask("scan").returncode == 0
    saved = home.path.with_name("saved.json")
    home.state_path.rename(saved)
    assert home.ask("state", "restore", str(saved)).returncode == 0
    assert of_root(home) == []
