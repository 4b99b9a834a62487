"""A service that stands still while its process lives is seen to stand still."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import closing

import psycopg2
import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY
from monitor.status import STALE_SECONDS
from tests.delivery.homes import Home
from tests.delivery.services import Service
from tests.delivery.waiting import until
from tests.watching.web import Web

pytestmark = pytest.mark.service


@pytest.fixture
def home(make_home: Callable[..., Home], database_url: str, bridge: BridgeWriter) -> Home:
    return make_home(database_url)


def test_a_loop_that_hangs_is_not_healthy_and_its_cursor_shows_as_lag(
    home: Home, bridge: BridgeWriter
) -> None:
    web = Web(home)
    bridge.post(LAWLEY, "DR1752028")
    with Service(home) as service:
        web.wait_until_ready()
        service.wait_until(lambda: home.store.drops() == ["DR1752028"], "it is delivered")
        assert web.metrics()['wa_monitor_lag_messages{project="Lawley"}'] == 0
        backend = loops_backend(home)
        os.kill(backend, signal.SIGSTOP)  # the store takes the loop's batch, and never answers
        try:
            for number in range(3):
                bridge.post(LAWLEY, f"DR175203{number}")
            stood_still = time.monotonic()
            until(
                lambda: web.metrics()['wa_monitor_lag_messages{project="Lawley"}'] == 3,
                "the lag shows though nobody but Prometheus asks",
                STALE_SECONDS,
            )
            assert web.status_of("/healthz") == 200
            until(lambda: web.status_of("/healthz") == 503, "not healthy", STALE_SECONDS + 10)
            assert time.monotonic() - stood_still > STALE_SECONDS - 15
            assert "the loop has not turned" in web.ask("/healthz").text
            until(lambda: web.status_of("/readyz") == 503, "nor ready")
            assert "Not working" in web.ask("/").text
        finally:
            os.kill(backend, signal.SIGCONT)
        until(lambda: web.status_of("/healthz") == 200, "healthy again")
        service.wait_until(lambda: len(home.store.drops()) == 4, "all is delivered")


def loops_backend(home: Home) -> int:
    """Return the server's process that serves the loop."""
    with closing(psycopg2.connect(home.database_url)) as server, server.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'wa-monitor %'"
            " AND datname = current_database()"
        )
        ((backend,),) = cursor.fetchall()
        return int(backend)
