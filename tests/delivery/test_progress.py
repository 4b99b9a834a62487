"""Long work shows a bar with rate and time left in a terminal, and nothing in a pipe."""

import json
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import psycopg2
import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY
from tests.delivery.homes import Home
from tests.delivery.services import Service
from tests.delivery.terminal import Terminal
from tests.delivery.waiting import until
from tests.many_messages import write_many

pytestmark = pytest.mark.service

MESSAGES = 30_000
BAR = re.compile(r"Catching up .*?(\d+)/(\d+) .*?[\d,]+ rows/s .*?\d:\d\d:\d\d")
COLOUR = re.compile(r"\x1b\[[\d;]*[mK]")
HIDDEN, SHOWN, ERASED = "\x1b[?25l", "\x1b[?25h", "\x1b[2K"


@pytest.fixture
def backlog(bridge: BridgeWriter) -> None:
    """Have the bridge's file hold a drop a message, quicker than a bridge would write them."""
    bridge.post(LAWLEY, "DR1000000")
    write_many(bridge, MESSAGES - 1)


@pytest.mark.usefixtures("backlog")
def test_scan_shows_how_far_it_is(embedded_home: Home) -> None:
    with Terminal(embedded_home.command("scan")) as terminal:
        assert terminal.wait() == 0
    shown = COLOUR.sub("", terminal.text)
    assert re.search(rf"Delivering .*\d+/{MESSAGES} [\d,]+ rows/s \d:\d\d:\d\d", shown)
    assert f"{MESSAGES} new drops" in terminal.text
    assert embedded_home.ask("scan").stderr == ""


@pytest.mark.usefixtures("backlog")
def test_the_service_shows_its_backlog_and_logs_above_it(
    embedded_home: Home, bridge: BridgeWriter
) -> None:
    home = embedded_home
    with Terminal(home.command("run")) as terminal:
        until(lambda: home.store.ready() and len(home.store.drops()) == MESSAGES, "all is in", 60)
        bridge.post(LAWLEY, "DR9000000")
        until(lambda: home.store.holds("DR9000000"), "it goes on")
        until(lambda: f"rowid={MESSAGES + 1}" in terminal.text, "and says so")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait() == 0
    done = [tuple(map(int, found)) for found in BAR.findall(COLOUR.sub("", terminal.text))]
    assert done
    assert all(0 <= number < total < MESSAGES for number, total in done)
    assert done == sorted(done)
    # Log lines are whole, and after the backlog there is no bar.
    settled = re.findall(r"time=\S+ level=info event=Settled [^\r\n]*rowid=(\d+)", terminal.text)
    assert [int(rowid) for rowid in settled][-2:] == [MESSAGES, MESSAGES + 1]
    after_bar = terminal.text.rpartition("Catching up")[2]
    assert ERASED in after_bar.partition("event=Settled")[0]
    assert terminal.text.rfind(SHOWN) > terminal.text.rfind(HIDDEN)


@pytest.mark.usefixtures("backlog")
def test_a_service_that_is_killed_leaves_the_terminal_as_it_was(server_home: Home) -> None:
    with held_up(server_home), Terminal(server_home.command("run")) as terminal:
        until(lambda: "Catching up" in terminal.text, "there is a bar")
        terminal.process.kill()
        terminal.wait()
    assert terminal.text.rfind(SHOWN) > terminal.text.rfind(HIDDEN)


@contextmanager
def held_up(home: Home) -> Iterator[None]:
    """Hold a row that the third batch of a backlog needs, so that the service waits in it."""
    assert home.database_url is not None
    assert home.ask("db", "migrate").returncode == 0
    with closing(psycopg2.connect(home.database_url)) as other, other, other.cursor() as cursor:
        cursor.execute(
            "INSERT INTO qa_photo_reviews (drop_number) VALUES (%s)",
            (f"DR{1_000_000 + 2 * MESSAGES // 3}",),
        )
        yield
        other.rollback()


@pytest.mark.usefixtures("backlog")
def test_the_status_says_what_is_left_and_for_how_long(server_home: Home) -> None:
    with ExitStack() as hold:
        hold.enter_context(held_up(server_home))
        with Service(server_home) as service:
            service.wait_for("Settled")
            found = until(
                lambda: json.loads(server_home.ask("status", "--json").stdout)["service"][
                    "catching_up"
                ],
                "a backlog is told of",
            )
            assert 0 < found["rows_left"] < MESSAGES
            assert "backlog  catching up: " in server_home.ask("status").stdout
            hold.close()
            service.wait_until(lambda: len(server_home.store.drops()) >= MESSAGES, "all is in", 60)
            until(
                lambda: (
                    json.loads(server_home.ask("status", "--json").stdout)["service"]["catching_up"]
                    is None
                ),
                "the backlog is over",
            )
            assert "backlog" not in server_home.ask("status").stdout
            assert all(line.startswith("time=") for line in service.lines)
