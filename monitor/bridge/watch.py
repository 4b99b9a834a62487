"""Wakes when the bridge writes: inotify where there is any, the clock as well."""

import os
import select
import signal
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from inotify_simple import INotify, flags

# A commit writes to the -wal, or to the file itself and then ends its journal; a re-paired
# bridge puts another file in its place: all of these are seen from the folder.
_EVENTS = (
    flags.MODIFY | flags.CREATE | flags.DELETE | flags.MOVED_TO | flags.MOVED_FROM
    | flags.ATTRIB | flags.DELETE_SELF | flags.MOVE_SELF | flags.ONLYDIR
)  # fmt: skip

LOOKS_AFTER_WAL = tuple(0.001 * 2**doubling for doubling in reversed(range(10)))
"""Seconds after a write to the -wal at which to look again, the last one first."""


class BridgeWatch:
    """Waits for a change of a bridge file or its journals, a signal, or a time.

    The folder is watched, not the file, so that a file that comes, goes or is replaced is seen
    too. Where inotify tells nothing (a network file system, writes through shared memory, no
    watches left), only the time is left: the caller looks at the file itself whenever `wait`
    returns. Only one may exist in a process, for it takes the signal wake-up of the process.
    """

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        self._name = path.name
        self._wal = path.name + "-wal"
        self._journal = path.name + "-journal"
        self._inotify: INotify | None = None
        self._watched: tuple[int, int] | None = None
        self._looks: list[float] = []
        self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._former = signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        self._watch()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop watching and give the signal wake-up back."""
        signal.set_wakeup_fd(self._former)
        os.close(self._woken)
        os.close(self._waker)
        self._forget()

    def wake(self) -> None:
        """End the `wait` that another thread is in, or the next one, as a signal does."""
        with suppress(BlockingIOError):  # full of such calls already
            os.write(self._waker, b"\0")

    def wait(self, seconds: float) -> bool:
        """Return when the bridge's files change, a signal comes, or `seconds` have passed.

        True means that something happened to the files, or may have: a commit to a -wal shows
        itself to readers only after the write that is seen, by as long as the disk takes.
        """
        deadline = time.monotonic() + seconds
        self._watch()
        while True:
            look = self._looks[-1] if self._looks else deadline
            left = min(look, deadline) - time.monotonic()
            poll = select.poll()
            poll.register(self._woken, select.POLLIN)
            if self._inotify is not None:
                poll.register(self._inotify.fileno(), select.POLLIN)
            ready = {fd for fd, _ in poll.poll(max(0.0, left) * 1000)}
            if self._woken in ready:
                os.read(self._woken, 4096)
                return False
            if ready and self._changed():
                return True
            now = time.monotonic()
            if self._looks and self._looks[-1] <= now:
                self._looks.pop()
                return True
            if now >= deadline:
                return False

    def _changed(self) -> bool:
        """Take the events that are there; tell whether one of them means a change."""
        assert self._inotify is not None
        changed = False
        for event in self._inotify.read(timeout=0):
            if event.mask & (flags.DELETE_SELF | flags.MOVE_SELF | flags.IGNORED):
                self._forget()
                return True
            if event.name == self._journal:
                # Only its end is a commit. To read while it grows would be in the writer's way.
                changed = changed or bool(event.mask & (flags.DELETE | flags.MOVED_FROM))
            elif event.name == self._wal:
                now = time.monotonic()
                self._looks = [now + after for after in LOOKS_AFTER_WAL]
                changed = True
            elif event.name == self._name or event.mask & flags.Q_OVERFLOW:
                changed = True
        return changed

    def _watch(self) -> None:
        """Watch the folder that is at the path now, if it is not the one already watched."""
        try:
            stat = self._folder.stat()
        except OSError:
            self._forget()
            return
        identity = (stat.st_dev, stat.st_ino)
        if identity == self._watched:
            return
        self._forget()
        try:
            self._inotify = INotify()
            self._inotify.add_watch(self._folder, _EVENTS)
            self._watched = identity
        except OSError:  # no watches or instances left: the time alone must do
            self._forget()

    def _forget(self) -> None:
        if self._inotify is not None:
            self._inotify.close()
        self._inotify = None
        self._watched = None
