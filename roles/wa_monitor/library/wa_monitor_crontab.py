#!/usr/bin/python
"""Ansible module: the one line of root's crontab that restarts the services."""

from __future__ import annotations

import re
import subprocess

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: wa_monitor_crontab
short_description: Set or remove the line that restarts the monitor's services
description:
  - Leaves one line, exactly as given, and removes any other that restarts these services, such as
    one written by hand on the old system. All other lines stay as they are.
options:
  line: {description: The whole line; empty for none., type: str, default: ""}
"""

RESTARTS = re.compile(r"^[^#]*\bsystemctl\s+restart\b.*\bwa-monitor-")


def with_line(crontab: str, line: str) -> str:
    """Return a crontab that holds the line once, where the first such line stood."""
    lines = crontab.splitlines()
    places = [number for number, each in enumerate(lines) if RESTARTS.match(each)]
    kept = [each for number, each in enumerate(lines) if number not in places]
    if line:
        kept.insert(places[0] if places else len(kept), line)
    return "".join(f"{each}\n" for each in kept)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"line": {"type": "str", "default": ""}}, supports_check_mode=True
    )
    line = module.params["line"]
    try:
        found = subprocess.run(["crontab", "-l"], check=False, capture_output=True, text=True)
    except FileNotFoundError:
        if line and not module.check_mode:
            module.fail_json(msg="there is no crontab command on this host: install cron")
        module.exit_json(changed=bool(line))
    # Without a crontab, crontab -l is an error and prints nothing.
    before = found.stdout if found.returncode == 0 else ""
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
