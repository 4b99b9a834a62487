"""A progress bar on a terminal, nothing where the output is piped."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TextIO


@contextmanager
def progress(what: str, unit: str = "rows") -> Iterator[Callable[[int, int], None]]:
    """Yield a function to be told how much is done and how much there is, in `unit`."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

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
def catching_up() -> Iterator[Callable[[int, int], None]]:
    """Yield a function to be told up to which row of how many all is settled.

    There is a bar from when rows are left until none are, once for each backlog.
    """
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    with ExitStack() as bar:
        show: Callable[[int, int], None] | None = None
        first = 0

        def tell(done: int, total: int) -> None:
            nonlocal show, first
            if done >= total:
                bar.close()
                show = None
                return
            if show is None or done < first:
                bar.close()
                show, first = bar.enter_context(progress("Catching up")), done
            show(done - first, total - first)

        yield tell


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
