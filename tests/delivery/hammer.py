"""Be a bridge at full speed: `python -m tests.delivery.hammer FILE` posts until its input ends.

Each commit is one line of output: when it began, on the monotonic clock that all processes
share, and how many seconds it took. An error of SQLite ends it with a trace and exit code 1.
"""

import select
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing

from monitor.demo.bridge_writer import PUT_MESSAGE, new_message_id
from monitor.demo.groups import LAWLEY

ONE_DROP_IN = 10
NOTHING = (False, "", "", "", None, None, None, 0)


def rows(first_drop: int) -> Iterator[tuple[object, ...]]:
    """Yield messages without end, one in ten with a drop, counted up from `first_drop`."""
    number = 0
    while True:
        drop = f" DR{first_drop + number // ONE_DROP_IN}" if number % ONE_DROP_IN == 0 else ""
        when = time.strftime("%Y-%m-%d %H:%M:%S+00:00", time.gmtime())
        yield (new_message_id(), LAWLEY, "27000000001", f"to follow{drop}", when, *NOTHING)
        number += 1


def hammer(path: str) -> None:
    """Write messages alone: the bridge also rewrites its chat, which takes a full scan."""
    # The driver of the Go bridge waits five seconds for a lock as well.
    with closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as file:
        file.execute("PRAGMA synchronous = OFF")
        for row in rows(5_000_000):
            if select.select([sys.stdin], [], [], 0)[0]:
                return
            begun = time.monotonic()
            file.execute(PUT_MESSAGE, row)
            print(f"{begun:.6f} {time.monotonic() - begun:.6f}", flush=True)


if __name__ == "__main__":
    hammer(sys.argv[1])
