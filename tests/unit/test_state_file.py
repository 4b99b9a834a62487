"""state.json survives crashes and full disks, and whatever stands in its place is dealt with."""

import errno
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.state import LoadedState, StateFile, check_state, is_entry
from monitor.state import file as state_module
from tests.privileges import NOBODY, require_root
from tests.unit.forked import Died, in_child, without_privileges

OLD = {"120363000000000001@g.us": "3EB0FF3868BCD0A7EC9F39"}
NEW = {"120363000000000001@g.us": "FF6141ACC4B0DCBC05224F724A49DC52", "2@g.us": "3EB0EFFD"}
NOON = datetime(2025, 11, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Make a folder that every user can reach, as those of tmp_path are not."""
    check_state(b"{}")  # imports what another user may not be able to read
    folder = Path(tempfile.mkdtemp(prefix="wa-monitor-test-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def state_file(path: Path) -> StateFile:
    return StateFile(path, now=lambda: NOON)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_what_is_saved_is_what_operators_know(path: Path) -> None:
    state_file(path).save({"2@g.us": "B", "1@g.us": "A"})
    assert path.read_text() == '{\n  "1@g.us": "A",\n  "2@g.us": "B"\n}\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert names(path.parent) == ["state.json"]


def test_the_mode_does_not_depend_on_the_umask(path: Path) -> None:
    def save_and_look() -> int:
        os.umask(0o777)
        state_file(path).save(NEW)
        return stat.S_IMODE(path.stat().st_mode)

    assert in_child(save_and_look) == 0o640


ENTRIES = st.dictionaries(
    st.text(max_size=20).map(lambda number: number + "@g.us"), st.text(min_size=1, max_size=255)
).map(lambda cursors: {group: id_ for group, id_ in cursors.items() if is_entry(group, id_)})


@given(ENTRIES, ENTRIES)
def test_what_is_saved_last_is_loaded(first: dict[str, str], second: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        saved = StateFile(Path(folder) / "state.json")
        saved.save(first)
        saved.save(second)
        loaded = saved.load()
    assert (loaded.cursors, loaded.outcome, loaded.fault) == (second, "loaded", "")


@pytest.mark.parametrize(
    "cursors", [{"1@g.us": ""}, {"1@g.us": "A\n"}, {"Lawley": "A"}, {"1@g.us": "A" * 256}]
)
def test_a_cursor_that_no_load_would_accept_is_not_saved(
    path: Path, cursors: dict[str, str]
) -> None:
    state_file(path).save(OLD)
    with pytest.raises(ValueError, match="cannot be kept as a cursor"):
        state_file(path).save(cursors)
    assert state_file(path).load().cursors == OLD


def test_a_missing_file_is_no_fault(path: Path) -> None:
    assert state_file(path).load() == ({}, "missing", "", None)
    assert state_file(path.parent / "no" / "folder" / "state.json").load().outcome == "missing"


def test_a_group_that_nobody_watches_is_kept(path: Path) -> None:
    path.write_text(json.dumps({**OLD, "999@g.us": "A"}))
    assert state_file(path).load().cursors == {**OLD, "999@g.us": "A"}


WHOLE = json.dumps(NEW, indent=2).encode()
BAD = {
    "empty": b"",
    "NULs after a power loss": b"\0" * len(WHOLE),
    "half NULs": WHOLE[:60] + b"\0" * 60,
    "not JSON": b"last_processed_id: 3EB0",
    "wrong shape": b'["3EB0"]',
    "key twice": b'{"1@g.us": "A", "1@g.us": "B"}',
    "not UTF-8": b"\xff\xfe\x00",
    "too large": b" " * 2_000_000 + WHOLE,
} | {f"cut after {length} bytes": WHOLE[:length] for length in range(1, len(WHOLE))}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_a_bad_file_is_moved_aside_whole(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    loaded = state_file(path).load()
    aside = path.with_name("state.json.corrupt-20251110T120000Z")
    assert (loaded.cursors, loaded.outcome, loaded.moved_to) == ({}, "corrupt", aside)
    assert loaded.fault.startswith(f"{path} ")
    assert loaded.fault.endswith(f"it is now {aside}")
    assert "\n" not in loaded.fault
    assert aside.read_bytes() == data
    assert names(path.parent) == [aside.name]


def test_an_earlier_corrupt_file_is_never_overwritten(path: Path) -> None:
    for content in ("one", "two", "three"):
        path.write_text(content)
        state_file(path).load()
    assert [(path.parent / name).read_text() for name in names(path.parent)] == [
        "one",
        "two",
        "three",
    ]


def test_a_folder_in_its_place_is_moved_aside_with_what_it_holds(path: Path) -> None:
    path.mkdir()
    (path / "kept").write_text("kept")
    with pytest.raises(IsADirectoryError):
        state_file(path).save(NEW)
    loaded = state_file(path).load()
    assert loaded.outcome == "corrupt"
    assert loaded.moved_to is not None
    assert (loaded.moved_to / "kept").read_text() == "kept"
    state_file(path).save(NEW)
    assert state_file(path).load().cursors == NEW


def test_a_named_pipe_in_its_place_is_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    loaded = state_file(path).load()
    assert loaded.outcome == "corrupt"
    assert "not a regular file" in loaded.fault


def test_a_link_that_leads_in_a_circle_is_moved_aside(path: Path) -> None:
    path.symlink_to(path)
    loaded = state_file(path).load()
    assert loaded.outcome == "corrupt"
    assert loaded.moved_to is not None


def test_an_unreadable_file_is_moved_aside(open_folder: Path) -> None:
    path = open_folder / "state.json"
    path.write_bytes(WHOLE)
    path.chmod(0)
    if os.geteuid() == 0:
        os.chown(open_folder, NOBODY, NOBODY)
    loaded = without_privileges(lambda: state_file(path).load())
    aside = path.with_name("state.json.corrupt-20251110T120000Z")
    fault = f"{path} cannot be read: Permission denied; it is now {aside}"
    assert loaded == ({}, "corrupt", fault, aside)


def test_what_cannot_be_moved_aside_stays_and_is_told_of(open_folder: Path) -> None:
    path = open_folder / "state.json"
    path.write_text("{")
    path.chmod(0o644)
    open_folder.chmod(0o555)
    loaded = without_privileges(lambda: state_file(path).load())
    open_folder.chmod(0o755)
    done = "it could not be moved aside (Permission denied) and stays where it is"
    assert isinstance(loaded, LoadedState)
    assert loaded[:2] == ({}, "corrupt")
    assert loaded.moved_to is None
    assert loaded.fault.endswith(done)
    assert path.read_text() == "{"


def test_a_folder_that_may_not_be_written_keeps_the_old_state(open_folder: Path) -> None:
    path = open_folder / "state.json"
    state_file(path).save(OLD)
    path.chmod(0o644)
    open_folder.chmod(0o555)

    def save() -> int | None:
        try:
            state_file(path).save(NEW)
        except OSError as error:
            return error.errno
        return None

    assert without_privileges(save) == errno.EACCES
    open_folder.chmod(0o755)
    assert state_file(path).load().cursors == OLD


def test_a_disk_that_fills_up_keeps_the_old_state(path: Path) -> None:
    state_file(path).save(OLD)

    def save() -> int | None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))
        try:
            state_file(path).save(NEW)
        except OSError as error:
            return error.errno
        return None

    assert in_child(save) == errno.EFBIG
    assert names(path.parent) == ["state.json"]
    assert state_file(path).load().cursors == OLD


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of its own with 64 KiB."""
    require_root("mounting a small tmpfs, to fill it up, needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_keeps_the_old_state_until_there_is_room(small_disk: Path) -> None:
    path = small_disk / "state.json"
    state_file(path).save(OLD)
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    with pytest.raises(OSError, match="No space"):
        state_file(path).save(NEW)
    assert names(small_disk) == ["filler", "state.json"]
    assert state_file(path).load().cursors == OLD
    filler.unlink()
    state_file(path).save(NEW)
    assert state_file(path).load().cursors == NEW


def killed_at_step(path: Path, step: int) -> bool:
    """Save in a child that SIGKILL ends before its `step`th line; False if it was done first."""

    def save() -> bool:
        left = step

        def trace(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal left
            if frame.f_code.co_filename != state_module.__file__:
                return None
            left -= event == "line"
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        state_file(path).save(NEW)
        return True

    return in_child(save) == Died(signal.SIGKILL)


def test_a_kill_at_any_line_leaves_the_old_state_or_the_new(path: Path) -> None:
    step, seen, leftovers = 0, [], 0
    while True:
        state_file(path).save(OLD)
        killed = killed_at_step(path, step)
        leftovers += len(names(path.parent)) > 1
        seen.append(json.loads(path.read_text()))
        assert state_file(path).load().outcome == "loaded"
        assert names(path.parent) == ["state.json"]
        if not killed:
            break
        step += 1
    assert seen == sorted(seen, key=[OLD, NEW].index)
    assert seen.count(OLD) > 20
    assert seen.count(NEW) > 2
    assert leftovers > 5


def test_the_next_save_removes_what_a_killed_writer_left(path: Path) -> None:
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    for pid in (int(dead.stdout), os.getpid(), 10**30):
        path.with_name(f".state.json.{pid}.tmp").write_text("half")
    path.with_name(".state.json.backup.tmp").write_text("somebody else's")
    state_file(path).save(NEW)
    assert names(path.parent) == [".state.json.backup.tmp", "state.json"]


def test_a_writer_that_lives_is_not_disturbed(path: Path) -> None:
    other = path.with_name(f".state.json.{os.getppid()}.tmp")
    other.write_text("being written")
    state_file(path).save(NEW)
    state_file(path).load()
    assert other.read_text() == "being written"


def test_root_does_not_lock_the_service_out(open_folder: Path) -> None:
    require_root("giving files to another user needs root")
    path = open_folder / "state.json"
    os.chown(open_folder, NOBODY, NOBODY)
    for cursors in (OLD, NEW):
        state_file(path).save(cursors)
        assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY, NOBODY)
    assert without_privileges(lambda: state_file(path).load().cursors) == NEW
