"""SIGTERM ends the service within a second and with code 0, whatever it does or waits for."""

import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice

import psycopg2
import pytest

from monitor.demo.bridge_writer import PUT_MESSAGE, BridgeWriter
from monitor.demo.groups import LAWLEY
from tests.delivery.hammer import ONE_DROP_IN, rows
from tests.delivery.homes import Home
from tests.delivery.services import Service
from tests.delivery.test_store_down import waits_for_a_lock
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.service

STOP_SECONDS = 1.0
BACKLOG = 240_000


def assert_stops_in_time(service: Service) -> None:
    code, took = service.stop()
    assert code == 0
    assert took < STOP_SECONDS
    assert not service.said("Traceback")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_while_idle(home: Home, bridge: BridgeWriter, number: signal.Signals) -> None:
    bridge.post(LAWLEY, "DR1000000")
    with Service(home) as service:
        service.wait_until(lambda: home.store.holds("DR1000000"), "it has caught up")
        service.send(number)
        assert service.process.wait(STOP_SECONDS) == 0
        service.wait_for("event=Stopped")


def test_in_the_middle_of_a_backlog(home: Home, bridge: BridgeWriter) -> None:
    bridge.post(LAWLEY, "Morning team")
    with closing(sqlite3.connect(home.bridge_path)) as file, file:
        file.executemany(PUT_MESSAGE, islice(rows(1_000_000), BACKLOG))
    with Service(home) as service:
        service.wait_for("event=Settled")
        assert_stops_in_time(service)
    assert len(home.store.ledger()) < BACKLOG // ONE_DROP_IN
    with Service(home) as service:
        newest = f"DR{1_000_000 + BACKLOG // ONE_DROP_IN - 1}"
        service.wait_until(lambda: home.store.holds(newest), "the rest is settled", 30)
    assert len(home.store.ledger()) == len(home.store.drops()) == BACKLOG // ONE_DROP_IN
    assert home.store.query("SELECT count(*) FROM wa_monitor_ledger WHERE outcome <> 'new'") == [
        (0,)
    ]


def test_while_the_server_is_down(
    server_home: Home, bridge: BridgeWriter, postgres: PostgresServer
) -> None:
    postgres.stop()
    bridge.post(LAWLEY, "DR1000000")
    with Service(server_home) as service:
        service.wait_for('"Waiting for the store"')
        assert_stops_in_time(service)


@contextmanager
def black_hole() -> Iterator[tuple[str, socket.socket]]:
    """Listen at an address and never answer; yield a database URL there, and the listener."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        port = listener.getsockname()[1]
        yield f"postgresql://monitor:only-for-tests@127.0.0.1:{port}/qa", listener


def test_while_the_server_never_answers(embedded_home: Home, bridge: BridgeWriter) -> None:
    bridge.post(LAWLEY, "DR1000000")
    with (
        black_hole() as (url, listener),
        Service(embedded_home, DATABASE_URL=url) as service,
        listener.accept()[0],  # the loop's and the surveyor's, in either order
        listener.accept()[0],
    ):
        assert_stops_in_time(service)
    assert service.said("Stopped in the middle of a batch")
    with Service(embedded_home) as service:
        service.wait_until(lambda: embedded_home.store.holds("DR1000000"), "nothing is lost")


def test_while_somebody_holds_the_row(server_home: Home, bridge: BridgeWriter) -> None:
    home = server_home
    bridge.post(LAWLEY, "DR1000000", timestamp="2025-11-10 04:47:03+00:00")
    with Service(home) as service:
        service.wait_until(lambda: home.store.holds("DR1000000"), "it has caught up")
        with closing(psycopg2.connect(str(home.database_url))) as office:
            office.cursor().execute("UPDATE qa_photo_reviews SET comment = 'looking'")
            again = bridge.post(LAWLEY, "DR1000000")
            service.wait_until(lambda: waits_for_a_lock(home), "the delivery waits")
            assert_stops_in_time(service)
    with Service(home) as service:
        service.wait_until(
            lambda: home.store.outcomes().get((again, "DR1000000")) == "resubmission",
            "it is made again",
        )


def test_while_another_program_holds_the_embedded_store(
    embedded_home: Home, bridge: BridgeWriter
) -> None:
    home = embedded_home
    with Service(home) as service:
        service.wait_until(home.store.ready, "it has caught up")
        with closing(sqlite3.connect(home.store.path, isolation_level=None)) as file:
            file.execute("BEGIN IMMEDIATE")
            bridge.post(LAWLEY, "DR1000000")
            service.wait_for('"Waiting for the store"')
            assert_stops_in_time(service)


def test_while_the_bridge_is_locked(embedded_home: Home, bridge: BridgeWriter) -> None:
    bridge.post(LAWLEY, "DR1000000")
    with closing(sqlite3.connect(embedded_home.bridge_path, isolation_level=None)) as file:
        file.execute("BEGIN EXCLUSIVE")
        with Service(embedded_home) as service:
            service.wait_for('"Waiting for the bridge"')
            assert_stops_in_time(service)
