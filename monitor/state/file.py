"""Reading and replacing state.json so that no crash can leave it half written."""

import errno
import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from monitor.ownership import hand_over
from monitor.state.schema import check_state, is_entry

# A thousand groups need 60 KB: what is larger is not a state file, and is not read.
_SIZE_LIMIT = 1 << 20
_MODE = 0o640


class LoadedState(NamedTuple):
    """What was found in the place of the state file.

    `cursors` is empty unless `outcome` is "loaded". With "corrupt", `fault` says in
    one line what was wrong and what was done, and `moved_to` is where the bad file
    is now, or None if it could not be moved.
    """

    cursors: dict[str, str]
    outcome: Literal["loaded", "missing", "corrupt"]
    fault: str = ""
    moved_to: Path | None = None


class StateFile:
    """The state file at `path`, which at most one process writes at a time.

    `now` gives the time that names a corrupt file's new place.
    """

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.path = path
        self._now = now
        self._temporary = re.compile(re.escape(f".{path.name}.") + r"([0-9]+)\.tmp")

    def load(self) -> LoadedState:
        """Return the cursors; whatever is not a valid state file is moved aside.

        Never raises for what is, or is not, in the file's place.
        """
        self._remove_leftovers()
        try:
            data = self._read()
        except FileNotFoundError:
            return LoadedState({}, "missing")
        except OSError as error:
            return self._moved_aside(f"cannot be read: {error.strerror}")
        cursors, faults = check_state(data)
        if cursors is not None:
            return LoadedState(cursors, "loaded")
        more = f" (and {len(faults) - 1} more faults)" if len(faults) > 1 else ""
        place = f"{faults[0].pointer}: " if faults[0].pointer else ""
        return self._moved_aside(f"is not valid: {place}{faults[0].message}{more}")

    def save(self, cursors: Mapping[str, str]) -> os.stat_result:
        """Replace the file by one that holds `cursors`, and wait until it is on the disk.

        Returns what identifies the new file: another may be in its place by now.
        Raises OSError if that fails: the old file is then still whole. Raises
        ValueError, naming the group, for a cursor that the schema does not allow.
        """
        for group_jid, message_id in cursors.items():
            if not is_entry(group_jid, message_id):
                raise ValueError(f"group {group_jid!r}: {message_id!r} cannot be kept as a cursor")
        data = (json.dumps(dict(cursors), indent=2, sort_keys=True) + "\n").encode()
        self._remove_leftovers()
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        try:
            self._write(temporary, data)
            written = temporary.lstat()
            temporary.rename(self.path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(self.path.parent)
        return written

    def _read(self) -> bytes:
        # Without O_NONBLOCK, opening a named pipe would wait for its writer.
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file")
            if status.st_size > _SIZE_LIMIT:
                raise OSError(errno.EFBIG, f"it has {status.st_size} bytes, too many for a state")
            return file.read()

    def _write(self, temporary: Path, data: bytes) -> None:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        try:
            os.fchmod(descriptor, _MODE)  # whatever the umask is
            # An operator who writes the file as root must not lock the service out of it.
            hand_over(temporary)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _moved_aside(self, fault: str) -> LoadedState:
        target = self._free_name()
        try:
            self.path.rename(target)
        except OSError as error:
            done = f"it could not be moved aside ({error.strerror}) and stays where it is"
            return LoadedState({}, "corrupt", f"{self.path} {fault}; {done}")
        with suppress(OSError):  # a move that a power loss undoes is made again at the next start
            _sync_folder(self.path.parent)
        return LoadedState({}, "corrupt", f"{self.path} {fault}; it is now {target}", target)

    def _free_name(self) -> Path:
        stamp = self._now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        first = self.path.with_name(f"{self.path.name}.corrupt-{stamp}")
        target, number = first, 1
        while os.path.lexists(target):
            number += 1
            target = first.with_name(f"{first.name}-{number}")
        return target

    def _remove_leftovers(self) -> None:
        """Remove the temporary files of writers that were killed, as far as possible."""
        try:
            with os.scandir(self.path.parent) as entries:
                found = [
                    match for entry in entries if (match := self._temporary.fullmatch(entry.name))
                ]
            for match in found:
                if not _runs_elsewhere(int(match[1])):
                    self.path.with_name(match[0]).unlink(missing_ok=True)
        except OSError:
            return  # they are harmless, and what matters of this fault shows in what follows


def _runs_elsewhere(pid: int) -> bool:
    if pid == os.getpid():
        return False  # a namesake from before a restart: this process is not writing now
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
