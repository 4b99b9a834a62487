"""A bridge that goes on posting while something else happens."""

import threading
import time
from itertools import count
from types import TracebackType

from monitor.demo.groups import LAWLEY
from tests.system.machine import Machine
from tests.system.site import bridge


class Traffic:
    """Posts one drop after the other to a group, `rate` a second, from `with` to its end.

    `drops` are those posted so far. An error of the writer is raised at the end: the monitor must
    never be the cause of one.
    """

    def __init__(
        self, machine: Machine, rate: float = 20, group: str = LAWLEY, first: int = 2_000_000
    ) -> None:
        self.drops: list[str] = []
        self._machine = machine
        self._pause = 1 / rate
        self._group = group
        self._numbers = count(first)
        self._end = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()
        if self._error and error is None:
            raise self._error

    def _run(self) -> None:
        try:
            with bridge(self._machine) as writer:
                due = time.monotonic()
                while not self._end.is_set():
                    drop = f"DR{next(self._numbers)}"
                    writer.post(self._group, f"{drop} done")
                    self.drops.append(drop)
                    due += self._pause
                    self._end.wait(max(0.0, due - time.monotonic()))
        except BaseException as error:
            self._error = error
