"""SIGHUP reads projects.yaml again; a bad one is refused, and the old one stays."""

import signal

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY, MAMELODI, VELO_TEST
from tests.delivery.homes import Home
from tests.delivery.services import Service
from tests.delivery.stores import assert_exactly
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.service

OLD = {"Velo Test": VELO_TEST}
NEW = {**OLD, "Lawley": LAWLEY}

BAD = {
    "not-yaml": ("projects: [", r"projects\.yaml:1"),
    "unknown-key": (
        'projects:\n  - name: Velo Test\n    group_id: "a@g.us"\n',
        "group_id",
    ),
    "bad-jid": ('projects:\n  - name: A\n    group_jid: "27000000001"\n', r"/projects/0/group_jid"),
    "empty": ("", r"projects\.yaml"),
}


@pytest.fixture
def home(home: Home) -> Home:
    home.write_projects(OLD)
    return home


def test_a_new_group_is_read_from_its_beginning_and_others_go_on(
    home: Home, bridge: BridgeWriter
) -> None:
    submitted = []
    for number in range(20):
        group = (VELO_TEST, LAWLEY, MAMELODI)[number % 3]
        submitted.append(
            (group, bridge.post(group, f"DR{100_000 + number}"), f"DR{100_000 + number}")
        )
    velo = [each for each in submitted if each[0] == VELO_TEST]
    both = [each for each in submitted if each[0] != MAMELODI]
    with Service(home) as service:
        service.wait_until(lambda: home.store.holds(velo[-1][2]), "the old group is read")
        assert_exactly(home.store, velo)
        home.write_projects(NEW)
        service.send(signal.SIGHUP)
        service.wait_until(lambda: home.store.holds(both[-1][2]), "the new group is read")
        assert_exactly(home.store, both)
        both.append((LAWLEY, bridge.post(LAWLEY, "DR200000"), "DR200000"))
        both.append((VELO_TEST, bridge.post(VELO_TEST, "DR200001"), "DR200001"))
        service.wait_until(lambda: home.store.holds("DR200000", "DR200001"), "both go on")
        assert len(service.said('event="Projects reloaded" groups=2')) == 1
    assert_exactly(home.store, both)
    assert set(home.store.outcomes().values()) == {"new"}


def test_a_group_that_is_no_longer_watched_is_left_and_taken_up_again(
    home: Home, bridge: BridgeWriter
) -> None:
    home.write_projects(NEW)
    with Service(home) as service:
        first = (LAWLEY, bridge.post(LAWLEY, "DR100000"), "DR100000")
        service.wait_until(lambda: home.store.holds("DR100000"), "it is watched")
        home.write_projects(OLD)
        service.send(signal.SIGHUP)
        service.wait_for('event="Projects reloaded" groups=1')
        between = (LAWLEY, bridge.post(LAWLEY, "DR100001"), "DR100001")
        velo = (VELO_TEST, bridge.post(VELO_TEST, "DR100002"), "DR100002")
        service.wait_until(lambda: home.store.holds("DR100002"), "the other goes on")
        assert_exactly(home.store, [first, velo])
        home.write_projects(NEW)
        service.send(signal.SIGHUP)
        service.wait_until(lambda: home.store.holds("DR100001"), "it is taken up again")
    assert_exactly(home.store, [first, velo, between])


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_refused_and_the_old_projects_stay(
    embedded_home: Home, bridge: BridgeWriter, text: str, words: str
) -> None:
    home = embedded_home
    with Service(home) as service:
        service.wait_for("Delivery goes on|Waiting for the bridge")
        (home.path / "config" / "projects.yaml").write_text(text)
        service.send(signal.SIGHUP)
        service.wait_for(f'level=error event="Projects not reloaded: the old ones stay".*{words}')
        bridge.post(VELO_TEST, "DR100000")
        service.wait_until(lambda: home.store.holds("DR100000"), "the old group goes on")
        home.write_projects(OLD)
        service.send(signal.SIGHUP)
        service.wait_for('event="Projects reloaded" groups=1')


def test_a_reload_while_the_server_is_down(
    server_home: Home, bridge: BridgeWriter, postgres: PostgresServer
) -> None:
    server_home.write_projects(OLD)
    postgres.stop()
    bridge.post(LAWLEY, "DR100000")
    with Service(server_home) as service:
        service.wait_for('"Waiting for the store"')
        server_home.write_projects(NEW)
        service.send(signal.SIGHUP)
        service.wait_for('event="Projects reloaded" groups=2')
        postgres.start()
        service.wait_until(lambda: server_home.store.holds("DR100000"), "the new group is read")


def test_a_second_service_in_the_same_home_is_refused(
    embedded_home: Home, bridge: BridgeWriter
) -> None:
    bridge.post(VELO_TEST, "DR100000")
    with Service(embedded_home) as first:
        first.wait_until(lambda: embedded_home.store.holds("DR100000"), "the first has caught up")
        second = embedded_home.ask("run")
        assert second.returncode == 1
        assert len(second.stderr.splitlines()) == 1
        assert f"a service already runs in {embedded_home.path}" in second.stderr
        assert embedded_home.ask("scan").returncode == 1
        bridge.post(VELO_TEST, "DR100001")
        first.wait_until(lambda: embedded_home.store.holds("DR100001"), "the first goes on")
