#!/usr/bin/python
"""Ansible module: everything the roles need to know about a host, in one round trip."""

# Runs on the target before its Python is known to be new enough: keep to what Python 3.8 reads.
from __future__ import annotations

import grp
import os
import platform
import pwd
import re
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wa_monitor_arguments import environments
from ansible.module_utils.wa_monitor_schedule import crontab, restarts

DOCUMENTATION = r"""
module: wa_monitor_look
short_description: Look at a host that runs, or is to run, the monitor
description:
  - Reads the system, its Python, time zone and free space, and for every environment which
    release is live, whether its service runs and whether its user may read the bridge's file.
  - Changes nothing.
options:
  root: {description: Folder of all environments., type: path, required: true}
  bridge_group:
    description: Group that may read the bridge's files; empty for none.
    type: str
    default: ""
  environments:
    description: The environments to look at.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: Name of the environment., type: str, required: true}
      user: {description: User that its service runs as., type: str, required: true}
      bridge_path: {description: The bridge's messages.db., type: path, required: true}
"""

NOBODY = 65534
COMPLETE = "RELEASE.json"


def _system() -> dict[str, str]:
    fields = {}
    for line in Path("/etc/os-release").read_text(encoding="utf-8").splitlines():
        key, found, value = line.partition("=")
        if found:
            fields[key] = value.strip("\"'")
    return {"id": fields.get("ID", ""), "name": fields.get("PRETTY_NAME", "")}


def _zone() -> dict[str, Any]:
    """Return the zone that cron lives in, and whether it is UTC the whole year round."""
    localtime = Path("/etc/localtime")
    name = "UTC"
    if localtime.exists():
        name = re.sub(r"^.*/zoneinfo/", "", str(localtime.resolve()))
        os.environ["TZ"] = ":/etc/localtime"
        time.tzset()
        return {"name": name, "utc": time.timezone == 0 and not time.daylight}
    return {"name": name, "utc": True}


def _free_mb(path: Path) -> int:
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free // 2**20


def _systemd_version() -> int:
    """Return systemd's major version, 0 where it is not what runs this host."""
    if not Path("/run/systemd/system").is_dir():
        return 0
    shown = subprocess.run(
        ["systemctl", "--version"], check=False, capture_output=True, text=True
    ).stdout
    found = re.match(r"systemd (\d+)", shown)
    return int(found.group(1)) if found else 0


def _groups_of(user: str, bridge_group: str) -> tuple[int, int, list[int]]:
    """Return uid, gid and groups that the service has, or will have once its user is made."""
    extra = []
    if bridge_group:
        try:
            extra = [grp.getgrnam(bridge_group).gr_gid]
        except KeyError:
            extra = []
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        return NOBODY, NOBODY, extra
    return account.pw_uid, account.pw_gid, [*os.getgrouplist(user, account.pw_gid), *extra]


def _barrier(path: Path) -> str:
    """Describe the first part of a path that a user without rights runs into."""
    for part in [*reversed(path.parents), path]:
        mode = part.stat().st_mode
        if not mode & (stat.S_IXOTH if part.is_dir() else stat.S_IROTH):
            owner = f"{part.owner()}:{part.group()}"
            return f"{part} is {stat.filemode(mode)} {owner}"
    return f"{path} refuses it"


def _bridge_fault(path: Path, user: str, bridge_group: str) -> str:
    """Say why the service could not read the bridge's file; empty if it could."""
    if not path.is_file():
        return f"there is no file {path}"
    uid, gid, groups = _groups_of(user, bridge_group)
    child = os.fork()
    if child == 0:
        # The rights are tried as the kernel will try them: by a process that has given up its own.
        try:
            os.setgroups(groups)
            os.setgid(gid)
            os.setuid(uid)
            with path.open("rb") as file:
                head = file.read(16)
            next(path.parent.iterdir())
            os._exit(0 if head in (b"", b"SQLite format 3\0") else 2)
        except OSError:
            os._exit(1)
    code = os.WEXITSTATUS(os.waitpid(child, 0)[1])
    if code == 2:
        return f"{path} is not an SQLite file"
    if code:
        return f"{user} may not read {path}: {_barrier(path)}"
    return ""


def _releases(home: Path) -> list[str]:
    """Return the names of the complete releases, the newest first."""
    marks = sorted(
        home.glob("releases/*/" + COMPLETE), key=lambda mark: mark.stat().st_mtime, reverse=True
    )
    return [
        mark.parent.name
        for mark in marks
        if not mark.parent.name.startswith(".") and (mark.parent / "modules").is_dir()
    ]


def _live(home: Path) -> str | None:
    current = home / "current"
    return current.resolve().name if current.is_symlink() else None


def _environment(root: Path, asked: dict[str, str], bridge_group: str) -> dict[str, Any]:
    home = root / asked["name"]
    unit = "wa-monitor-{}.service".format(asked["name"])
    modules = home / "modules"
    active = subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False)
    return {
        "present": modules.is_dir(),
        "old_layout": modules.is_dir() and not modules.is_symlink(),
        "old_backup": (modules / "monitor.py.backup").is_file(),
        "dotenv": (home / ".env").is_file(),
        "release": _live(home),
        "releases": _releases(home),
        "active": active.returncode == 0,
        "bridge_fault": _bridge_fault(Path(asked["bridge_path"]), asked["user"], bridge_group),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "bridge_group": {"type": "str", "default": ""},
            "environments": environments(
                user={"type": "str", "required": True},
                bridge_path={"type": "path", "required": True},
            ),
        },
        supports_check_mode=True,
    )
    root = Path(module.params["root"])
    group = module.params["bridge_group"]
    module.exit_json(
        changed=False,
        system=_system(),
        python={
            "executable": sys.executable,
            "version": "{}.{}".format(*sys.version_info[:2]),
            "machine": platform.machine(),
            "libc": list(platform.libc_ver()),
        },
        systemd=_systemd_version(),
        root_user=os.geteuid() == 0,
        zone=_zone(),
        free_mb=_free_mb(root),
        timer=Path("/etc/systemd/system/wa-monitor-restart.timer").exists(),
        restarts=restarts(crontab() or ""),
        commands={name: bool(shutil.which(name)) for name in ("crontab", "logrotate")},
        groups=[entry.gr_name for entry in grp.getgrall()],
        environments={
            asked["name"]: _environment(root, asked, group)
            for asked in module.params["environments"]
        },
    )


if __name__ == "__main__":
    main()
