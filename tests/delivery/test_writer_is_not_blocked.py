"""A bridge that writes at full speed never waits for the monitor, and never sees an error."""

import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

import pytest

from monitor.bridge.lag import LagGauge
from monitor.bridge.reader import BridgeReader
from monitor.demo.bridge_writer import PUT_MESSAGE, BridgeWriter
from monitor.demo.groups import LAWLEY
from tests.delivery.hammer import ONE_DROP_IN, rows
from tests.delivery.homes import Home, clean_environment
from tests.delivery.services import Service
from tests.delivery.waiting import until

pytestmark = pytest.mark.service

BACKLOG = 40_000
COMMITS_ALONE = 1_500
COMMITS_WHILE_TAILING = 1_500

LONGEST_EXTRA_SECONDS = 0.25
"""What the reader may add to the longest commit: the promise, with room for a busy machine."""

TYPICAL_EXTRA_SECONDS = 0.005
"""What the reader may add to half of the commits."""


class Commit(NamedTuple):
    begun: float
    took: float


@contextmanager
def hammering(path: Path) -> Iterator[list[Commit]]:
    """Run the writer; at the end make sure that it met no error."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.delivery.hammer", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    commits: list[Commit] = []

    def listen(pipe: IO[str]) -> None:
        commits.extend(Commit(*map(float, line.split())) for line in pipe)

    listener = threading.Thread(target=listen, args=(process.stdout,))
    listener.start()
    try:
        yield commits
        process.stdin.close()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        listener.join()


def write_backlog(path: Path, count: int) -> None:
    with BridgeWriter(path, fsync=False) as writer:
        writer.post(LAWLEY, "Morning team")
    with closing(sqlite3.connect(path)) as file, file:
        file.executemany(PUT_MESSAGE, islice(rows(1_000_000), count))


def test_a_writer_at_full_speed_is_not_held_up(embedded_home: Home) -> None:
    home = embedded_home
    write_backlog(home.bridge_path, BACKLOG)
    with hammering(home.bridge_path) as commits:
        until(lambda: len(commits) > COMMITS_ALONE, "the writer alone has written enough")
        started = time.monotonic()
        with Service(home) as service:
            newest = f"DR{1_000_000 + BACKLOG // ONE_DROP_IN - 1}"
            service.wait_until(partial(home.store.holds, newest), "the backlog is settled")
            caught_up = time.monotonic()
            enough = len(commits) + COMMITS_WHILE_TAILING
            service.wait_until(lambda: len(commits) > enough, "it has tailed for long enough")
            tailed = len(commits)
            newest = f"DR{5_000_000 + tailed // ONE_DROP_IN - 1}"
            service.wait_until(partial(home.store.holds, newest), "the tail is settled as well")
            assert service.stop()[0] == 0
            assert not service.said("level=error")
    alone = [each.took for each in commits if each.begun < started]
    backlog = [each.took for each in commits if started <= each.begun < caught_up]
    tail = [each.took for each in commits if caught_up <= each.begun]
    for during in (backlog, tail):
        assert max(during) < max(alone) + LONGEST_EXTRA_SECONDS
        assert statistics.median(during) < statistics.median(alone) + TYPICAL_EXTRA_SECONDS


def test_status_of_a_large_file_that_nothing_was_read_of_holds_no_writer_up(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    write_backlog(path, 2 * BACKLOG)
    with hammering(path) as commits, BridgeReader(path, {LAWLEY: None}) as reader:
        until(lambda: len(commits) > COMMITS_ALONE, "the writer alone has written enough")
        started = time.monotonic()
        while time.monotonic() < started + 1:
            assert LagGauge(reader).lag(LAWLEY, None).unread > 2 * BACKLOG
        stopped = time.monotonic()
    alone = [each.took for each in commits if each.begun < started]
    during = [each.took for each in commits if started <= each.begun < stopped]
    assert max(during) < max(alone) + LONGEST_EXTRA_SECONDS
    assert statistics.median(during) < statistics.median(alone) + TYPICAL_EXTRA_SECONDS
