#!/usr/bin/python
"""Ansible module: the folders and rights of an environment, taking over the old layout."""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: wa_monitor_layout
short_description: Folders, owners and modes of an environment
description:
  - The environment's folder is root's, writable by the service's group and sticky, so that the
    service can replace the files that are its own (state.json, the embedded store), nothing else.
  - Where the old system's plain C(modules) folder is found, it becomes a release named
    C(old-<UTC time>), with the unit, settings and .env that it ran with, so that a roll-back can
    return to it.
options:
  home: {description: Folder of the environment., type: path, required: true}
  user: {description: User and group of the service., type: str, required: true}
  unit: {description: Path of the unit file., type: path, required: true}
"""

COMPLETE = "RELEASE.json"


class Place(NamedTuple):
    """A path with the owner, group and mode that it has to have."""

    path: Path
    owner: str
    group: str
    mode: int


def places(home: Path, user: str) -> list[Place]:
    """Return the folders of an environment, and the service's own files where they exist."""
    folders = [
        Place(home.parent, "root", "root", 0o755),
        Place(home, "root", user, 0o1770),
        Place(home / "releases", "root", "root", 0o755),
        Place(home / "config", "root", user, 0o750),
        Place(home / "logs", user, user, 0o750),
    ]
    own = [
        home / "state.json",
        *home.glob("state.json.corrupt-*"),
        *home.glob("drops.db*"),
        *home.glob("logs/*"),
    ]
    return folders + [
        Place(path, user, user, 0o640) for path in own if path.is_file() and not path.is_symlink()
    ]


def wrong(place: Place) -> str:
    """Say what is wrong with a place; empty if nothing is."""
    try:
        found = place.path.lstat()
    except FileNotFoundError:
        return "absent"
    is_folder = stat.S_ISDIR(found.st_mode)
    mode = stat.S_IMODE(found.st_mode)
    names = _name(pwd.getpwuid, found.st_uid), _name(grp.getgrgid, found.st_gid)
    if names == (place.owner, place.group) and (mode == place.mode or not is_folder):
        return ""
    return f"{names[0]}:{names[1]} {mode:04o}"


def _name(lookup: object, number: int) -> str:
    try:
        return str(lookup(number)[0])  # type: ignore[operator]
    except KeyError:
        return str(number)


def put_right(place: Place) -> None:
    """Make a place what it has to be."""
    if not place.path.exists():
        place.path.mkdir(parents=True, mode=0o700)
    # Never through a link: the service may make links in its own folders.
    owner, group = pwd.getpwnam(place.owner).pw_uid, grp.getgrnam(place.group).gr_gid
    os.chown(place.path, owner, group, follow_symlinks=False)
    if place.path.is_dir():
        place.path.chmod(place.mode)


def adopt(home: Path, unit: Path) -> str:
    """Turn the old system's modules folder into a release; return the release's name."""
    name = f"old-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    release = home / "releases" / name
    release.mkdir(parents=True)
    release.chmod(0o700)
    for source, copy in (
        (unit, "unit.service"),
        (home / ".env", "dotenv"),
        (home / "config" / "projects.yaml", "projects.yaml"),
    ):
        if source.is_file():
            shutil.copy2(source, release / copy)
    about = {"release": name, "layout": "old"}
    (release / COMPLETE).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    # The folder moves last, and links follow at once: what an interrupted run leaves is either
    # the old layout, untouched, or a release that the next run links to.
    (home / "modules").rename(release / "modules")
    point(home / "current", f"releases/{name}")
    point(home / "modules", "current/modules")
    return name


def point(link: Path, target: str) -> None:
    """Make a link lead to a target, in one step for whoever follows it."""
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "home": {"type": "path", "required": True},
            "user": {"type": "str", "required": True},
            "unit": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    home, user = Path(module.params["home"]), module.params["user"]
    modules = home / "modules"
    old = modules.is_dir() and not modules.is_symlink()
    faults = {place: fault for place in places(home, user) if (fault := wrong(place))}
    before = [f"{place.path} {fault}" for place, fault in faults.items()]
    after = [f"{p.path} {p.owner}:{p.group} {p.mode:04o}" for p in faults]
    if old:
        before.append(f"{modules} folder of the old system")
        after.append(f"{modules} -> current/modules, the old system kept as a release")
    adopted = ""
    if not module.check_mode:
        if old:
            adopted = adopt(home, Path(module.params["unit"]))
        for place in faults:
            put_right(place)
    module.exit_json(
        changed=bool(before),
        faults=before,
        adopted=adopted,
        diff={
            "before": "".join(f"{line}\n" for line in before),
            "after": "".join(f"{line}\n" for line in after),
        },
    )


if __name__ == "__main__":
    main()
