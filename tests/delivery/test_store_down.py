"""A store that fails is waited for, and all that came meanwhile is in it soon after its return."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import psycopg2
import pytest
from psycopg2 import extensions

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY, MOHADIN
from tests.delivery.commands import say
from tests.delivery.homes import Home
from tests.delivery.old_system import leave_table
from tests.delivery.services import Service
from tests.delivery.stores import assert_exactly
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.service

BACK_SECONDS = 5.0
"""How long after the store's return all that was missed meanwhile may take."""

OUTAGE_SECONDS = 60.0 if os.environ.get("CI") else 6.0
"""How long the server stays away: longer than the longest pause between two tries."""


class Traffic:
    """Posts drops, each with a number of its own, and remembers them."""

    def __init__(self, bridge: BridgeWriter) -> None:
        self.bridge = bridge
        self.submitted: list[tuple[str, str, str]] = []

    @property
    def drops(self) -> list[str]:
        return [drop for _, _, drop in self.submitted]

    def post(self, count: int = 5) -> None:
        for _ in range(count):
            drop = f"DR{1_000_000 + len(self.submitted)}"
            group = (LAWLEY, MOHADIN)[len(self.submitted) % 2]
            self.submitted.append((group, self.bridge.post(group, drop), drop))


@pytest.fixture
def traffic(bridge: BridgeWriter) -> Traffic:
    return Traffic(bridge)


@pytest.fixture
def service(server_home: Home, traffic: Traffic) -> Iterator[Service]:
    """Run the service on PostgreSQL, caught up with a first few messages."""
    traffic.post()
    with Service(server_home) as running:
        caught_up(running, server_home, traffic)
        yield running


def caught_up(service: Service, home: Home, traffic: Traffic, seconds: float = 30.0) -> None:
    """Wait until the store holds all that was posted, and check that it holds it once."""
    service.wait_until(lambda: home.store.holds(*traffic.drops), "it has caught up", seconds)
    assert_exactly(home.store, traffic.submitted)
    assert set(home.store.outcomes().values()) == {"new"}


@contextmanager
def administrator(server: PostgresServer) -> Iterator[extensions.cursor]:
    """Connect to the server, not to the store's database, outside of any transaction."""
    with closing(psycopg2.connect(server.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


@contextmanager
def nobody_connected(server: PostgresServer, database: str) -> Iterator[extensions.cursor]:
    """Keep everybody out of a database for a while; its connections are ended."""
    with administrator(server) as cursor:
        cursor.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            (database,),
        )
        yield cursor
        cursor.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")


def name_of(database_url: str) -> str:
    return database_url.rpartition("/")[2]


def test_the_server_crashes_while_messages_arrive(
    service: Service, server_home: Home, traffic: Traffic, postgres: PostgresServer
) -> None:
    for seconds in (OUTAGE_SECONDS, 1.0):
        traffic.post()
        postgres.stop(immediate=True)
        back_at = time.monotonic() + seconds
        while time.monotonic() < back_at:
            traffic.post(1)
            time.sleep(0.1)
        service.wait_for('"Waiting for the store"')
        postgres.start()
        caught_up(service, server_home, traffic, BACK_SECONDS)
    assert not service.said("Traceback")
    assert len(service.said("Delivery is back")) == 2
    assert service.running


def test_connections_are_ended_while_messages_arrive(
    service: Service, server_home: Home, traffic: Traffic, postgres: PostgresServer
) -> None:
    with administrator(postgres) as cursor:
        for _ in range(10):
            traffic.post(2)
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'wa-monitor%'"
            )
            traffic.post(2)
    caught_up(service, server_home, traffic, BACK_SECONDS)


def test_the_server_is_down_at_the_start(
    server_home: Home, traffic: Traffic, postgres: PostgresServer
) -> None:
    postgres.stop()
    traffic.post()
    with Service(server_home) as service:
        service.wait_for('"Waiting for the store"')
        postgres.start()
        caught_up(service, server_home, traffic, BACK_SECONDS)


def test_the_database_is_emptied(
    service: Service, server_home: Home, traffic: Traffic, postgres: PostgresServer
) -> None:
    postgres.drop_database(name_of(str(server_home.database_url)))
    traffic.post()
    service.wait_for("does not exist")
    postgres.create_database(name_of(str(server_home.database_url)))
    caught_up(service, server_home, traffic, BACK_SECONDS)


def test_the_database_is_replaced_by_an_older_copy(
    service: Service, server_home: Home, traffic: Traffic, postgres: PostgresServer
) -> None:
    name = name_of(str(server_home.database_url))
    with nobody_connected(postgres, name) as cursor:
        cursor.execute(f"CREATE DATABASE {name}_older TEMPLATE {name}")
    traffic.post(10)
    caught_up(service, server_home, traffic)
    with nobody_connected(postgres, name) as cursor:
        cursor.execute(f"DROP DATABASE {name}")
        cursor.execute(f"ALTER DATABASE {name}_older RENAME TO {name}")
    traffic.post(1)
    caught_up(service, server_home, traffic, BACK_SECONDS)


@pytest.mark.parametrize("restarted", [False, True])
def test_the_database_is_replaced_by_a_copy_from_before_the_monitor_came(
    server_home: Home, traffic: Traffic, postgres: PostgresServer, restarted: bool
) -> None:
    url = str(server_home.database_url)
    leave_table(url, "DR7000000")
    name = name_of(url)
    postgres.create_database(f"{name}_older", template=name)
    traffic.post()
    with ExitStack() as running:
        service = running.enter_context(Service(server_home))
        service.wait_until(lambda: server_home.store.holds(*traffic.drops), "it has caught up")
        service.wait_until(server_home.state_path.exists, "state.json is written")
        if restarted:
            service.stop()
        with nobody_connected(postgres, name) as cursor:
            cursor.execute(f"DROP DATABASE {name}")
            cursor.execute(f"ALTER DATABASE {name}_older RENAME TO {name}")
        traffic.post()
        if restarted:
            service = running.enter_context(Service(server_home))
        service.wait_until(
            lambda: server_home.store.holds("DR7000000", *traffic.drops), "all is there again"
        )
    assert server_home.store.ledger() == sorted(traffic.submitted)


def test_the_database_is_read_only_for_a_while(
    service: Service, server_home: Home, traffic: Traffic, postgres: PostgresServer
) -> None:
    name = name_of(str(server_home.database_url))
    with nobody_connected(postgres, name) as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    traffic.post()
    service.wait_for("read-only transaction")
    with nobody_connected(postgres, name) as cursor:
        cursor.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    caught_up(service, server_home, traffic, BACK_SECONDS)


def test_a_role_that_may_not_migrate_waits_for_somebody_who_does(
    server_home: Home, traffic: Traffic, postgres: PostgresServer
) -> None:
    url = str(server_home.database_url)
    limited = Home(server_home.path.with_name("limited"), server_home.bridge_path)
    with administrator(postgres) as cursor:
        cursor.execute("DROP ROLE IF EXISTS qa_writer")
        cursor.execute("CREATE ROLE qa_writer LOGIN PASSWORD 'only-for-tests'")
    try:
        leave_table(url)
        with (limited.path / ".env").open("a") as settings:
            settings.write(
                "DATABASE_URL=postgresql://qa_writer:only-for-tests@"
                f"127.0.0.1:{postgres.port}/{name_of(url)}\n"
            )
        traffic.post()
        with Service(limited) as service:
            service.wait_for('"Waiting for the store".*permission denied for schema public')
            assert say(server_home, "db", "migrate").code == 0
            server_home.store.query(
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO qa_writer"
            )
            caught_up(service, server_home, traffic, BACK_SECONDS)
    finally:
        with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as own:
            own.execute("DROP OWNED BY qa_writer")
        with administrator(postgres) as cursor:
            cursor.execute("DROP ROLE qa_writer")


def test_a_row_that_the_qa_office_holds_for_a_while(
    service: Service, server_home: Home, traffic: Traffic
) -> None:
    with closing(psycopg2.connect(str(server_home.database_url))) as office:
        with office, office.cursor() as cursor:
            cursor.execute(
                "UPDATE qa_photo_reviews SET comment = 'looking' WHERE drop_number = 'DR1000000'"
            )
            again = traffic.bridge.post(LAWLEY, "DR1000000 photos again", timestamp="2100-01-01")
            traffic.post()
            service.wait_until(lambda: waits_for_a_lock(server_home), "the delivery waits")
        service.wait_until(
            lambda: server_home.store.holds(*traffic.drops), "it has caught up", BACK_SECONDS
        )
    assert server_home.store.outcomes()[(again, "DR1000000")] == "resubmission"
    row = server_home.store.query(
        "SELECT comment, resubmitted FROM qa_photo_reviews WHERE drop_number = 'DR1000000'"
    )
    assert row == [("looking\nResubmitted in Lawley on 2100-01-01 00:00:00 UTC", True)]


def waits_for_a_lock(home: Home) -> bool:
    return bool(home.store.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
