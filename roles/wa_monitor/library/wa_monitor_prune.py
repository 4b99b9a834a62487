#!/usr/bin/python
"""Ansible module: remove old releases or backups, by number and by age."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: wa_monitor_prune
short_description: Keep the newest releases or backups, and those that are young
description:
  - A folder goes only if it is beyond the number to keep and older than the days to keep, and is
    not named in C(never).
  - Leftovers of interrupted runs, hidden folders that end in C(.partial), go after a day.
options:
  folder: {description: Folder to look in., type: path, required: true}
  pattern: {description: "Which folders, such as */prod-*.", type: str, required: true}
  mark: {description: File whose age is the folder's., type: str, required: true}
  keep: {description: How many to keep at least., type: int, required: true}
  days: {description: Days for which all are kept., type: int, required: true}
  never: {description: Names that stay., type: list, elements: str, default: []}
"""

DAY = 86400.0


def surplus(
    found: dict[Path, float], keep: int, youngest_to_go: float, never: list[str]
) -> list[Path]:
    """Return the folders to remove, given the time of each."""
    newest_first = sorted(found, key=lambda path: found[path], reverse=True)
    return [
        path
        for path in newest_first[keep:]
        if found[path] < youngest_to_go and path.name not in never
    ]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "pattern": {"type": "str", "required": True},
            "mark": {"type": "str", "required": True},
            "keep": {"type": "int", "required": True},
            "days": {"type": "int", "required": True},
            "never": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    folder, mark = Path(module.params["folder"]), module.params["mark"]
    found = {
        path: (path / mark).stat().st_mtime
        for path in folder.glob(module.params["pattern"])
        if (path / mark).is_file() and not path.name.startswith(".")
    }
    now = time.time()
    going = surplus(
        found, module.params["keep"], now - module.params["days"] * DAY, module.params["never"]
    )
    going += [path for path in folder.glob(".*.partial") if path.stat().st_mtime < now - DAY]
    if not module.check_mode:
        for path in going:
            shutil.rmtree(path)
            if path.parent != folder and not any(path.parent.iterdir()):
                path.parent.rmdir()
    module.exit_json(
        changed=bool(going),
        removed=[path.name for path in going],
        diff={"before": "".join(f"{path}\n" for path in going), "after": ""},
    )


if __name__ == "__main__":
    main()
