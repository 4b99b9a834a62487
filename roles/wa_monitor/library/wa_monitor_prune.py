#!/usr/bin/python
"""Ansible module: remove old releases or backups, by number and by age."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wa_monitor_surplus import going, remove

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
    params = module.params
    folder = Path(params["folder"])
    old = going(
        folder,
        params["pattern"],
        params["mark"],
        params["keep"],
        params["days"],
        params["never"],
    )
    if not module.check_mode:
        remove(folder, old)
    module.exit_json(
        changed=bool(old),
        removed=[path.name for path in old],
        diff={"before": "".join(f"{path}\n" for path in old), "after": ""},
    )


if __name__ == "__main__":
    main()
