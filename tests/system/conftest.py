"""Machines for the tests, and what is said where there can be none.

The tests of a file follow one another on one machine; with pytest-xdist, use --dist loadfile.
"""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitor.demo.groups import KNOWN_GROUPS
from tests.system import site
from tests.system.base_image import base_image
from tests.system.lab import Lab
from tests.system.machine import Machine, make_key, scratch_folder
from tests.system.play import Controller, Outcome

NEEDED = ("debootstrap", "systemd-nspawn", "ip", "ssh", "ssh-keygen", "setpriv", "unshare")

# The files that take longest begin first, so that no worker is left with one when the others are
# done (pytest-xdist is told by --no-loadscope-reorder to keep to it).
LONGEST_FIRST = (
    "test_power_loss",
    "test_restore_elsewhere",
    "test_two_hosts_through_outages",
    "test_backup_restore",
    "test_bad_release",
    "test_two_hosts",
    "test_preflight_refuses",
    "test_connection_drops",
    "test_rollback",
    "test_adoption",
    "test_daily_restart",
    "test_remove",
    "test_check_mode",
    "test_two_plays",
    "test_units",
    "test_verify",
    "test_observability",
    "test_watching",
    "test_embedded_store",
)

MachineMaker = Callable[..., Machine]
Recorder = Callable[[str, object], None]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark this folder's tests; where they cannot run, say so once, or under CI=true fail."""
    here = Path(__file__).parent
    mine = [item for item in items if here in item.path.parents]
    for item in mine:
        item.add_marker(pytest.mark.system)
        # The first test of a run may also build the image, and deploy.
        item.add_marker(pytest.mark.timeout(900))
    places = {name: number for number, name in enumerate(LONGEST_FIRST)}
    mine.sort(key=lambda item: places.get(item.path.stem, len(places)))
    rest = iter(mine)
    items[:] = [next(rest) if here in item.path.parents else item for item in items]
    reason = missing()
    if reason and mine and os.environ.get("CI") != "true":
        # One stands for all, so that the reason is one line and not one a file.
        first, *others = mine
        first.add_marker(pytest.mark.skip(reason=f"all {len(mine)} system tests: {reason}"))
        items[:] = [item for item in items if item not in set(others)]
        config.hook.pytest_deselected(items=others)


def missing() -> str:
    """Return what this machine lacks for system tests, empty if nothing."""
    if os.geteuid() != 0:
        return "they boot Debian machines, which needs root; run `sudo make test-system`"
    lacking = [tool for tool in NEEDED if shutil.which(tool) is None]
    if lacking:
        return f"{', '.join(lacking)} not found; apt install debootstrap systemd-container iproute2"
    return ""


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """Make this run's folder, removed at its end."""
    if reason := missing():
        pytest.fail(f"system tests: {reason}")
    # A run that is told to end still takes its machines down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = scratch_folder()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def lab(scratch: Path) -> Iterator[Lab]:
    """Lay the private network of this run."""
    lab = Lab()
    yield lab
    lab.close()


@pytest.fixture(scope="session")
def key(scratch: Path) -> Path:
    """Make the operator's ssh key for this run."""
    return make_key(scratch)


@pytest.fixture(scope="session")
def image() -> Path:
    """Return the Debian that every machine boots from, built at need."""
    return base_image()


@pytest.fixture(scope="module")
def make_machine(scratch: Path, lab: Lab, key: Path, image: Path) -> Iterator[MachineMaker]:
    """Boot machines by name; they end with the module's tests."""
    with ExitStack() as stack:

        def make(name: str, *layers: Path, hostname: str = "", disk: str = "3g") -> Machine:
            machine = Machine(
                lab, [*layers, image], scratch, key, name, hostname=hostname, disk=disk
            )
            stack.callback(machine.destroy)
            machine.boot()
            return machine

        yield make


@dataclass(frozen=True, slots=True)
class Deployed:
    """A host after its first deploy, switched off: what the play said, and the host's disk."""

    outcome: Outcome
    layer: Path
    hostname: str


@pytest.fixture(scope="session")
def deployed(scratch: Path, lab: Lab, key: Path, image: Path) -> Iterator[Deployed]:
    """Deploy both environments to an empty host, and let each group have one drop."""
    machine = Machine(lab, [image], scratch, key, "first", hostname="host")
    controller = Controller(scratch / "controller-first")
    try:
        machine.boot()
        site.prepare(machine)
        outcome = controller.run("deploy.yml", {machine: site.variables()}).must_succeed()
        with site.bridge(machine) as bridge:
            for number, group in enumerate(KNOWN_GROUPS.values(), 1_000_001):
                bridge.post(group, f"DR{number}")
        site.wait_for_drops(machine, "prod", [f"DR{1_000_001 + n}" for n in range(4)])
        site.eventually("four cursors", lambda: len(site.state(machine, "prod")) == 4)
        machine.shut_down()
        yield Deployed(outcome, machine.layer, machine.hostname)
    finally:
        controller.close()
        machine.destroy()


@pytest.fixture(scope="module")
def host(make_machine: MachineMaker, deployed: Deployed, request: pytest.FixtureRequest) -> Machine:
    """Boot a host on which prod and dev are deployed and healthy; the module has it for itself."""
    name = request.path.stem.removeprefix("test_").replace("_", "-")
    machine = make_machine(name, deployed.layer, hostname=deployed.hostname)
    site.wait_until_ready(machine)
    return machine


@pytest.fixture(scope="module")
def controller(scratch: Path, request: pytest.FixtureRequest) -> Iterator[Controller]:
    """Give the operator a seat; plays still running end with the module's tests."""
    controller = Controller(scratch / f"controller-{request.path.stem}")
    yield controller
    controller.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests measured (`record_property`)."""
    measured = [
        f"  {report.nodeid.rpartition('::')[2]}: {name} {value}"
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name.startswith("measured")
    ]
    if measured:
        terminalreporter.section("measured on the test machines")
        for line in measured:
            terminalreporter.write_line(line.replace("measured ", ""))
