"""A progress bar with rate and time left, for a terminal."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)


@contextmanager
def bar_of(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that is told how much is done and how much there is, in `unit`."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True, soft_wrap=True),
        transient=True,
    )
    real = sys.stderr
    with bar, _logs_moved(real):
        # A process that is killed must not leave a terminal without its cursor.
        bar.console.show_cursor(True)
        task = bar.add_task(what, total=None, rate="")

        def show(done: int, total: int) -> None:
            speed = bar.tasks[0].speed
            rate = f"{speed:,.0f} {unit}/s" if speed else ""
            bar.update(task, completed=done, total=total, rate=rate)

        yield show


@contextmanager
def _logs_moved(real: TextIO) -> Iterator[None]:
    """Have log lines written above the bar, where what is now the standard error puts them."""
    moved = [
        each
        for each in logging.getLogger().handlers
        if isinstance(each, logging.StreamHandler) and each.stream is real
    ]
    for each in moved:
        each.setStream(sys.stderr)
    try:
        yield
    finally:
        for each in moved:
            each.setStream(real)
