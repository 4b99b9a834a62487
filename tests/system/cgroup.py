"""A control group of its own for each machine, under whatever hierarchies are mounted here.

Without one, systemd-nspawn --keep-unit would give every machine the same `payload` group, and the
systemd of one machine would take the other's services for its own.
"""

import contextlib
import os
import time
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_ENTER = 'for group in $1; do echo $$ > "$group/cgroup.procs"; done; shift; exec "$@"'


def entering(name: str) -> list[str]:
    """Make the group and return the words to put before a command that is to run in it."""
    groups = _groups(name)
    for group in groups:
        group.mkdir(exist_ok=True)
    return ["/bin/sh", "-c", _ENTER, "sh", " ".join(map(str, groups))]


def remove(name: str) -> None:
    """Remove the group and what the machine made in it, once its processes are gone."""
    deadline = time.monotonic() + 5
    groups = _groups(name)
    while any(group.exists() for group in groups) and time.monotonic() < deadline:
        for group in groups:
            for folder, _, _ in os.walk(group, topdown=False):
                # Busy while the kernel is still ending the processes in it.
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()
        time.sleep(0.01)


def _groups(name: str) -> list[Path]:
    return [mount / name for mount in _mounts()]


def _mounts() -> list[Path]:
    """Return the mount points of the hierarchies that a machine's systemd uses."""
    found = []
    for line in _MOUNTS.read_text().splitlines():
        before, after = line.split(" - ")
        kind, _, options = after.split()[:3]
        controllers = set(options.split(","))
        if kind == "cgroup2" or (
            kind == "cgroup" and controllers & {"name=systemd", "memory", "pids"}
        ):
            found.append(Path(before.split()[4]))
    return found
