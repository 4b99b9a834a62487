"""A progress bar on a terminal, nothing where the output is piped."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def progress(what: str, unit: str = "rows") -> Iterator[Callable[[int, int], None]]:
    """Yield a function to be told how much is done and how much there is, in `unit`."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    # Where there is no terminal, as in a service, it would be 2 MB and 30 ms for nothing.
    from monitor.cli.bar import bar_of  # noqa: PLC0415 -- see above

    with bar_of(what, unit) as show:
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
