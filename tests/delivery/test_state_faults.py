"""Whatever has become of state.json, the service says so once, and misses and doubles nothing."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY, MOHADIN
from tests.delivery.homes import Home
from tests.delivery.monitors import settle_afresh
from tests.delivery.services import Service
from tests.delivery.stores import assert_exactly

pytestmark = pytest.mark.service

UNKNOWN = "120363000000000000@g.us"


def write(content: bytes) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.write_bytes(content)

    return damage


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def put_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "keep").write_text("kept")


def put_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def put_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def change(path: Path, **cursors: str) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **cursors}))


class Fault(NamedTuple):
    """What happens to the file, the one line that must say so, and whether it is moved aside."""

    make: Callable[[Path], None]
    line: str
    moved: bool


NOT_USABLE = 'level=error event="State file not usable: the store\'s cursors count" .*'
FAULTS = {
    "missing": Fault(Path.unlink, 'level=info event="State file missing: the store', False),
    "empty": Fault(write(b""), f"{NOT_USABLE}found an empty file", True),
    "zeroes": Fault(write(bytes(64)), f"{NOT_USABLE}64 NUL bytes", True),
    "truncated": Fault(truncate, f"{NOT_USABLE}expected JSON, found at line 2", True),
    "not-json": Fault(write(b"FC8139\n"), f"{NOT_USABLE}expected JSON", True),
    "not-utf-8": Fault(write(b'{"\xff": "A"}'), f"{NOT_USABLE}expected UTF-8", True),
    "a-list": Fault(write(b"[]\n"), f"{NOT_USABLE}expected", True),
    "a-number": Fault(write(b'{"%s": 7}' % LAWLEY.encode()), f"{NOT_USABLE}/{LAWLEY}: ", True),
    "no-group": Fault(write(b'{"Lawley": "AB"}'), f"{NOT_USABLE}/Lawley: ", True),
    "folder": Fault(put_folder, f"{NOT_USABLE}Is a directory", True),
    "pipe": Fault(put_pipe, f"{NOT_USABLE}not a regular file", True),
    "loop": Fault(put_loop, f"{NOT_USABLE}Too many levels of symbolic links", True),
    "unknown-group": Fault(
        lambda path: change(path, **{UNKNOWN: "3EB0"}), 'event="Loaded state: 3 groups"', False
    ),
    "unknown-id": Fault(
        lambda path: change(path, **{LAWLEY: "3EB0FF00FF00FF00FF00"}),
        'level=info event="Reading again from an earlier place" .*bridge does not hold',
        False,
    ),
}


class Told(NamedTuple):
    """A home with six messages settled, and the bridge that goes on."""

    home: Home
    bridge: BridgeWriter
    submitted: list[tuple[str, str, str]]

    def post(self, count: int) -> None:
        for _ in range(count):
            drop = f"DR{1_000_000 + len(self.submitted)}"
            group = (LAWLEY, MOHADIN)[len(self.submitted) % 2]
            self.submitted.append((group, self.bridge.post(group, drop), drop))

    def newest(self) -> dict[str, str]:
        return {group: message for group, message, _ in self.submitted}

    def state(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.home.state_path.read_text())
        return found

    def wait_until_caught_up(self, service: Service) -> None:
        """Wait for the store and for state.json; then nothing may be missed or doubled."""
        drops = [drop for _, _, drop in self.submitted]
        service.wait_until(lambda: self.home.store.holds(*drops), "the store has caught up")
        service.wait_until(self.is_up_to_date, "state.json has caught up")
        assert_exactly(self.home.store, self.submitted)
        assert set(self.home.store.outcomes().values()) == {"new"}

    def is_up_to_date(self) -> bool:
        try:
            return self.newest().items() <= self.state().items()
        except (OSError, ValueError):
            return False


def begin(home: Home, bridge: BridgeWriter) -> Told:
    told = Told(home, bridge, [])
    told.post(6)
    settle_afresh(home)
    return told


@pytest.fixture
def told(home: Home, bridge: BridgeWriter) -> Told:
    return begin(home, bridge)


@pytest.fixture
def strange(strangers_home: Home) -> Iterator[Told]:
    with BridgeWriter(strangers_home.bridge_path, fsync=False) as bridge:
        yield Told(strangers_home, bridge, [])


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_of_the_state_file_is_said_once_and_costs_nothing(
    embedded_home: Home, bridge: BridgeWriter, fault: Fault
) -> None:
    told = begin(embedded_home, bridge)
    fault.make(told.home.state_path)
    told.post(2)
    with Service(told.home) as service:
        told.wait_until_caught_up(service)
        assert service.stop()[0] == 0
    assert len(service.said(fault.line)) == 1, service.lines
    assert len(service.said("level=(error|warning)")) == int(fault.moved)
    aside = list(told.home.path.glob("state.json.corrupt-*"))
    assert len(aside) == int(fault.moved)
    assert all(re.fullmatch(r"state\.json\.corrupt-\d{8}T\d{6}Z", each.name) for each in aside)
    assert told.home.state_path.stat().st_mode & 0o7777 == 0o640


def test_a_group_that_is_not_watched_keeps_its_entry(told: Told) -> None:
    change(told.home.state_path, **{UNKNOWN: "3EB0"})
    told.post(2)
    with Service(told.home) as service:
        told.wait_until_caught_up(service)
    assert told.state() == {**told.newest(), UNKNOWN: "3EB0"}


@pytest.mark.parametrize("lost", ["state", "store", "both"])
def test_what_is_lost_is_made_up_for_by_the_other(told: Told, lost: str) -> None:
    if lost != "store":
        told.home.state_path.unlink()
    if lost != "state":
        tables = ("ledger", "positions", "cursors", "adopted_rows", "malformed", "dead_letters")
        for table in ("qa_photo_reviews", *(f"wa_monitor_{each}" for each in tables)):
            told.home.store.query(f"DELETE FROM {table}")
    told.post(2)
    with Service(told.home) as service:
        told.wait_until_caught_up(service)


def test_a_state_file_that_may_not_be_read(strange: Told) -> None:
    strange.home.state_path.write_text(json.dumps({LAWLEY: "3EB0"}))
    strange.home.state_path.chmod(0o600 if os.geteuid() == 0 else 0)
    strange.post(4)
    with Service(strange.home, as_nobody=True) as service:
        strange.wait_until_caught_up(service)
    assert len(service.said(f"{NOT_USABLE}cannot be read: Permission denied")) == 1
    assert len(service.said("level=error")) == 1


def test_a_folder_in_which_the_state_file_cannot_be_written(strange: Told) -> None:
    """Delivery goes on, from where the store says; the store must lie elsewhere for that."""
    settled = Home(strange.home.path.with_name("other"), strange.home.bridge_path)
    strange.post(4)
    settle_afresh(settled)
    logs = settled.path / "logs"
    for path in (logs, *logs.iterdir(), *settled.path.glob("drops.db*")):
        os.chown(path, *strange.home.path.stat()[4:6])
    settled.path.chmod(0o555)
    settled.state_path.unlink()
    with Service(settled, as_nobody=True) as service:
        # The embedded store needs the folder as well: both are said, and nothing crashes.
        service.wait_for('"State file not written: delivery goes on, trying again"')
        service.wait_for('"Waiting for the store"')
        settled.path.chmod(0o777)
        strange.post(2)
        told = strange._replace(home=settled)
        told.wait_until_caught_up(service)
        service.wait_for('"State file written again"')
    assert len(service.said("State file not written")) == 1
