#!/usr/bin/python
"""Ansible module: wait until a service is healthy and runs the release that it should."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wa_monitor_gate import wait

DOCUMENTATION = r"""
module: wa_monitor_health
short_description: The health gate of an environment
description:
  - Asks the monitor itself, until it says that it is ready and which release it runs, or the time
    is up. The service must be active, read the bridge, reach the store and have its state.
  - Where the environment has an C(HTTP_PORT), C(/readyz) must agree.
  - Changes nothing.
options:
  home: {description: Folder of the environment., type: path, required: true}
  unit: {description: Name of the unit., type: str, required: true}
  release:
    description: Release that must be running; empty for the one that is live.
    type: str
    default: ""
  timeout: {description: Seconds to wait for it., type: int, default: 30}
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "home": {"type": "path", "required": True},
            "unit": {"type": "str", "required": True},
            "release": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    home, unit = Path(module.params["home"]), module.params["unit"]
    release = module.params["release"] or (home / "current").resolve().name
    fault, answer = wait(home, unit, release, module.params["timeout"])
    if fault:
        module.fail_json(msg=f"{unit} is not healthy: {fault}", fault=fault, status=answer)
    module.exit_json(changed=False, release=release, status=answer)


if __name__ == "__main__":
    main()
