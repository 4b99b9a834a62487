"""state.json while the service runs: a full disk, and operators who put another in its place."""

import json
import resource
import shutil
import signal

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY
from tests.delivery.commands import say
from tests.delivery.homes import Home
from tests.delivery.services import Service
from tests.delivery.test_state_faults import Told, begin

pytestmark = pytest.mark.service

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@pytest.fixture
def told(home: Home, bridge: BridgeWriter) -> Told:
    return begin(home, bridge)


def test_a_full_disk_keeps_the_old_state_file_and_stops_no_delivery(
    server_home: Home, bridge: BridgeWriter
) -> None:
    told = begin(server_home, bridge)
    before = told.home.state_path.read_bytes()
    with Service(told.home, largest_file=64) as service:
        told.post(4)
        service.wait_for("State file not written: delivery goes on, trying again")
        drops = [drop for _, _, drop in told.submitted]
        service.wait_until(lambda: told.home.store.holds(*drops), "the store has caught up")
        assert told.home.state_path.read_bytes() == before
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, UNLIMITED)
        service.wait_for("State file written again")
        told.wait_until_caught_up(service)
    assert len(service.said("level=(error|warning)")) == 1


def test_a_full_disk_under_the_embedded_store_is_waited_for(
    embedded_home: Home, bridge: BridgeWriter
) -> None:
    told = Told(embedded_home, bridge, [])
    told.post(4)
    with Service(told.home, largest_file=30_000) as service:
        service.wait_for('"Waiting for the store"')
        told.post(2)
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, UNLIMITED)
        told.wait_until_caught_up(service)


@pytest.mark.parametrize("how", ["replaced", "written-over", "command"])
def test_an_older_state_file_put_in_place_rewinds(told: Told, how: str) -> None:
    older = told.home.path / "older.json"
    shutil.copy(told.home.state_path, older)
    with Service(told.home) as service:
        told.post(6)
        told.wait_until_caught_up(service)
        if how == "replaced":
            older.rename(told.home.state_path)
        elif how == "written-over":
            told.home.state_path.write_bytes(older.read_bytes())
        else:
            restored = say(told.home, "state", "restore", str(older))
            assert restored.code == 0
            assert "restored 2 groups" in restored.out
        told.post(1)
        service.wait_for("Reading again from an earlier place.*state.json is older than the store")
        told.wait_until_caught_up(service)
    assert len(service.said("state.json was changed from outside")) == 1


def test_a_state_file_that_is_removed_is_written_again(told: Told) -> None:
    with Service(told.home) as service:
        service.wait_for("Delivery goes on")
        told.home.state_path.unlink()
        told.post(1)
        told.wait_until_caught_up(service)
    assert told.state() == told.newest()


def test_a_broken_state_file_put_in_place_is_moved_aside(told: Told) -> None:
    with Service(told.home) as service:
        service.wait_for("Delivery goes on")
        told.home.state_path.write_text("{")
        told.post(1)
        told.wait_until_caught_up(service)
    assert len(service.said("State file not usable")) == 1
    assert len(list(told.home.path.glob("state.json.corrupt-*"))) == 1


def test_a_state_file_put_in_place_just_before_a_stop_is_not_written_over(told: Told) -> None:
    older = told.home.state_path.read_bytes()
    with Service(told.home) as service:
        service.wait_for("Delivery goes on")
        told.post(1)
        service.wait_until(lambda: told.home.store.holds("DR1000006"), "the store has it")
        service.send(signal.SIGSTOP)  # it may have the new state still to write
        told.home.state_path.write_bytes(older)
        service.send(signal.SIGTERM)
        service.send(signal.SIGCONT)
        assert service.process.wait(5) == 0
    read_again = service.said("state.json was changed from outside")
    assert read_again or told.state() == json.loads(older)
    assert LAWLEY in told.state()
