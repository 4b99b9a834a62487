#!/usr/bin/python
"""Ansible module: what a deploy would change on a host, and whether what runs is healthy."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wa_monitor_arguments import environments
from ansible.module_utils.wa_monitor_gate import wait
from ansible.module_utils.wa_monitor_places import faults_of
from ansible.module_utils.wa_monitor_places import told as folders_told
from ansible.module_utils.wa_monitor_plan import plan
from ansible.module_utils.wa_monitor_wanted import FILE_OPTIONS, differs

DOCUMENTATION = r"""
module: wa_monitor_compare
short_description: Compare environments with what they should be, all in one round trip
description:
  - Tells of each environment whether another release is live, which files differ, what is wrong
    with folders and rights, and what its service needs to run what is installed.
  - Where nothing of that is found, it asks the service whether it is healthy. An environment
    with no finding and no fault needs nothing of a deploy.
  - Changes nothing.
options:
  environments:
    description: The environments to compare.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: Name of the environment., type: str, required: true}
      home: {description: Folder of the environment., type: path, required: true}
      unit: {description: Name of its unit and user., type: str, required: true}
      group: {description: "Group its user has to be in, empty for none.", type: str, default: ""}
      files:
        description: Its files, as for M(wa_monitor_files).
        type: list
        elements: dict
        required: true
  release: {description: Release that should be live., type: str, required: true}
  ask: {description: Ask for health in any case., type: bool, default: false}
  patience: {description: Seconds until it has to be healthy., type: int, default: 0}
"""


def outside(user: str, group: str) -> list[str]:
    """Say that a user is not in a group that it has to be in."""
    with contextlib.suppress(KeyError):
        account = pwd.getpwnam(user)
        if not group or grp.getgrnam(group).gr_gid in os.getgrouplist(user, account.pw_gid):
            return []
    return [f"{user} is not in the group {group}"] if group else []


def compared(asked: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """Return what is to be changed in an environment, and what keeps it from being healthy."""
    home, unit = Path(asked["home"]), asked["unit"]
    link = home / "current"
    live = link.resolve().name if link.is_symlink() else ""
    found: dict[str, Any] = {
        "release": live != params["release"],
        "files": [file["path"] for file in asked["files"] if differs(file)],
        "folders": [*outside(unit, asked["group"]), *folders_told(home, faults_of(home, unit))],
        "service": plan(unit, home).told(unit),
    }
    same = not any(found.values())
    fault = wait(home, unit, live, params["patience"])[0] if same or params["ask"] else ""
    told_release = f"{asked['name']} runs release {live or 'none'}, this checkout is "
    return {
        **found,
        "to_do": not same or bool(fault),
        "told": [
            *(f"{path} is not as the inventory says" for path in found["files"]),
            *found["folders"],
            *(f"{line} is needed" for line in found["service"]),
            *([f"{unit} is not healthy: {fault}"] if fault else []),
            *([told_release + params["release"]] if found["release"] else []),
        ],
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "environments": environments(
                home={"type": "path", "required": True},
                unit={"type": "str", "required": True},
                group={"type": "str", "default": ""},
                files={
                    "type": "list",
                    "elements": "dict",
                    "required": True,
                    "options": FILE_OPTIONS,
                },
            ),
            "release": {"type": "str", "required": True},
            "ask": {"type": "bool", "default": False},
            "patience": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    asked = module.params["environments"]
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda each: compared(each, module.params), asked))
    names = [each["name"] for each in asked]
    module.exit_json(
        changed=False,
        environments=dict(zip(names, found, strict=True)),
        told=[line for each in found for line in each["told"]],
    )


if __name__ == "__main__":
    main()
