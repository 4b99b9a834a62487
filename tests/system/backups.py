"""Backups on a test machine: made, named and restored as an operator does."""

from typing import Any

from monitor.demo.groups import LAWLEY
from tests.system import site
from tests.system.machine import Machine
from tests.system.play import Controller, Outcome

BACKUPS = f"{site.ROOT}/backups"
PROD = f"{site.ROOT}/prod"


def names(machine: Machine, environment: str = "prod") -> list[str]:
    """Return an environment's backups as date/name, oldest first."""
    found = machine.path(BACKUPS).glob(f"[0-9]*/{environment}-*")
    return sorted(f"{path.parent.name}/{path.name}" for path in found)


def back_up(machine: Machine, controller: Controller, **others: Any) -> str:
    """Make a backup of both environments and return the name of prod's."""
    before = set(names(machine))
    controller.run("backup.yml", {machine: site.variables(**others)}).must_succeed()
    (made,) = set(names(machine)) - before
    return made


def restore(
    machine: Machine, controller: Controller, name: str, *parts: str, environment: str = "prod"
) -> Outcome:
    """Restore parts of an environment from a backup, as an operator does."""
    asked = {
        "wa_monitor_only": [environment],
        "wa_monitor_restore": list(parts),
        "wa_monitor_restore_from": name,
    }
    return controller.run("restore.yml", {machine: site.variables()}, variables=asked)


def post_and_wait(machine: Machine, *drops: str, group: str = LAWLEY) -> None:
    """Post drops and see them in prod's table."""
    with site.bridge(machine) as bridge:
        for drop in drops:
            bridge.post(group, drop)
    site.wait_for_drops(machine, "prod", drops)
