#!/usr/bin/python
"""Ansible module: the one line of root's crontab that restarts the services."""

from __future__ import annotations

import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wa_monitor_schedule import crontab, with_line

DOCUMENTATION = r"""
module: wa_monitor_crontab
short_description: Set or remove the line that restarts the monitor's services
description:
  - Leaves one line, exactly as given, and removes any other that restarts these services, such as
    one written by hand on the old system. All other lines stay as they are.
options:
  line: {description: The whole line; empty for none., type: str, default: ""}
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"line": {"type": "str", "default": ""}}, supports_check_mode=True
    )
    line = module.params["line"]
    before = crontab()
    if before is None:
        if line and not module.check_mode:
            module.fail_json(msg="there is no crontab command on this host: install cron")
        module.exit_json(changed=bool(line))
    after = with_line(before, line)
    if after != before and not module.check_mode:
        subprocess.run(["crontab", "-"], input=after, check=True, text=True)
    module.exit_json(
        changed=after != before,
        diff={
            "before": before,
            "after": after,
            "before_header": "root's crontab",
            "after_header": "root's crontab",
        },
    )


if __name__ == "__main__":
    main()
