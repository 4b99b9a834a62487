#!/usr/bin/python
"""Ansible module: the folders and rights of an environment, taking over the old layout."""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
from datetime import UTC, datetime
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wa_monitor_places import Place, faults_of, is_old, told

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
    old = is_old(home)
    faults = faults_of(home, user)
    before = told(home, faults)
    after = [f"{p.path} {p.owner}:{p.group} {p.mode:04o}" for p in faults]
    if old:
        after.append(f"{home / 'modules'} -> current/modules, the old system kept as a release")
    adopted = ""
    if not module.check_mode:
        if old:
            adopted = adopt(home, Path(module.params["unit"]))
        for place in faults:
            put_right(place)
    module.exit_json(
        changed=bool(before),
        adopted=adopted,
        diff={
            "before": "".join(f"{line}\n" for line in before),
            "after": "".join(f"{line}\n" for line in after),
        },
    )


if __name__ == "__main__":
    main()
