"""A customer's site: what their inventory says of a host, and how its monitors are looked at."""

import json
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import KNOWN_GROUPS, VELO_TEST
from tests.system import database
from tests.system.machine import Machine

ROOT = "/opt/wa-monitor"
BRIDGE = "/opt/whatsapp-bridge/store/messages.db"
ENVIRONMENTS = ("prod", "dev")
HTTP_PORTS = {"prod": 8101, "dev": 8102}
CRON_LINE = "0 1 * * * systemctl restart wa-monitor-prod wa-monitor-dev"

PROJECTS: dict[str, list[dict[str, Any]]] = {
    "dev": [{"name": "Velo Test", "group_jid": VELO_TEST}],
    "prod": [{"name": name, "group_jid": jid} for name, jid in KNOWN_GROUPS.items()],
}


def variables(database_host: str = "127.0.0.1", **others: Any) -> dict[str, Any]:
    """Return the host variables of a site that runs prod and dev, each on its own database."""
    return {
        "wa_monitor_environments": [
            {
                "name": name,
                "bridge_path": BRIDGE,
                "projects": PROJECTS[name],
                "http_port": HTTP_PORTS[name],
            }
            for name in ENVIRONMENTS
        ],
        "wa_monitor_database_urls": {
            name: database.url(name, database_host) for name in ENVIRONMENTS
        },
        **others,
    }


def prepare(machine: Machine) -> None:
    """Give a bare machine what is there before the monitor: the databases and the bridge."""
    for name in ENVIRONMENTS:
        database.create(machine, name)
    with bridge(machine):
        pass


def bridge(machine: Machine) -> BridgeWriter:
    """Open the bridge's file on a running machine, from out here, as the bridge does."""
    return BridgeWriter(machine.path(BRIDGE), fsync=False)


def unit(environment: str) -> str:
    """Return the name of an environment's unit."""
    return f"wa-monitor-{environment}.service"


def command(machine: Machine, environment: str, words: str, *, check: bool = True) -> str:
    """Run the installed wa-monitor of an environment and return what it prints."""
    home = f"{ROOT}/{environment}"
    program = f"{home}/current/venv/bin/wa-monitor"
    return machine.ssh(f"{program} --home {home} {words}", check=check).stdout


def status(machine: Machine, environment: str) -> dict[str, Any]:
    """Return what `status --json` says, ready or not."""
    answer: dict[str, Any] = json.loads(command(machine, environment, "status --json", check=False))
    return answer


def live_release(machine: Machine, environment: str) -> str:
    """Return the name of the release that `current` points to."""
    return machine.says(f"basename $(readlink {ROOT}/{environment}/current)")


def state(machine: Machine, environment: str) -> dict[str, str]:
    """Return state.json. Raises ValueError when it is not JSON."""
    text = machine.path(f"{ROOT}/{environment}/state.json").read_text()
    cursors: dict[str, str] = json.loads(text)
    return cursors


def show(machine: Machine, environment: str, *properties: str) -> dict[str, str]:
    """Return properties of an environment's unit."""
    lines = machine.says(f"systemctl show {unit(environment)} -p {','.join(properties)}")
    return dict(line.partition("=")[::2] for line in lines.splitlines())


def main_pid(machine: Machine, environment: str) -> int:
    """Return the process id of the service inside the machine, 0 while it is down."""
    return int(show(machine, environment, "MainPID")["MainPID"])


def restart_gap(machine: Machine, environment: str) -> float:
    """Return the seconds between the last end of the service and its being ready again."""
    left, entered = "ActiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic"
    shown = show(machine, environment, left, entered)
    return (int(shown[entered]) - int(shown[left])) / 1e6


def journal(machine: Machine, environment: str) -> str:
    """Return all that an environment's service ever logged."""
    return machine.says(f"journalctl -q --no-pager -o cat -u {unit(environment)}")


def ready(machine: Machine, environment: str) -> bool:
    """Tell whether a service runs and reaches both its bridge and its store."""
    return bool(status(machine, environment)["ready"])


def eventually(what: str, holds: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until something holds. Raises AssertionError that says what did not."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def wait_until_ready(machine: Machine, *environments: str, seconds: float = 10) -> None:
    """Wait until these services (default: all) are ready. Raises AssertionError if they are not."""
    for name in environments or ENVIRONMENTS:
        eventually(f"{name} is ready", partial(ready, machine, name), seconds)


def wait_for_restart(machine: Machine, old_pids: dict[str, int], seconds: float = 10) -> None:
    """Wait until these services, by their former process ids, run anew and are ready."""
    for name, old_pid in old_pids.items():

        def is_new(name: str = name, old_pid: int = old_pid) -> bool:
            return main_pid(machine, name) not in {0, old_pid}

        eventually(f"{name} is started anew", is_new, seconds)
        wait_until_ready(machine, name, seconds=seconds)


def wait_for_drops(
    machine: Machine, environment: str, wanted: Iterable[str], seconds: float = 10
) -> None:
    """Wait until these drops are in an environment's table, or raise AssertionError."""
    missing = set(wanted)
    deadline = time.monotonic() + seconds
    while missing := missing - set(database.drops(machine, environment)):
        assert time.monotonic() < deadline, (
            f"not within {seconds} s in the database of {environment}: {sorted(missing)[:10]}"
            f"; status: {status(machine, environment)}"
        )
        time.sleep(0.1)


def wait_for_cursor(machine: Machine, environment: str, group: str, message_id: str) -> None:
    """Wait until state.json says that this message was the last; it is written after the store."""
    eventually(
        f"{message_id} is in state.json of {environment}",
        lambda: state(machine, environment).get(group) == message_id,
    )


def doubled(machine: Machine, environment: str) -> list[str]:
    """Return the drops that were taken for resubmissions; the tests never post one twice."""
    return database.sql(
        machine, environment, "SELECT drop_number FROM qa_photo_reviews WHERE resubmitted"
    )


def pids(machine: Machine) -> dict[str, int]:
    """Return the process ids of all services, by environment."""
    return {name: main_pid(machine, name) for name in ENVIRONMENTS}


def fingerprint(machine: Machine) -> str:
    """Return a line for everything that a play could change on a host, with content hashes.

    What the running service itself writes (state, logs, heartbeat) is left out.
    """
    return machine.says(
        f"{{ find {ROOT} /etc/systemd /etc/logrotate.d /etc/passwd /etc/group /etc/cron*"
        r" -not -path '*/logs/*' -not -name 'state.json*' -not -name 'drops.db*'"
        r" -not -name '*.pyc' -not -path '*/logs' -printf '%M %u %g %p %l\n' 2>/dev/null | sort;"
        f" find {ROOT} /etc/systemd /etc/logrotate.d -type f -not -path '*/logs/*'"
        " -not -name 'state.json*' -not -name 'drops.db*' -not -name '*.pyc'"
        " -exec sha256sum {} + 2>/dev/null | sort; crontab -l 2>/dev/null || true; }"
    )
