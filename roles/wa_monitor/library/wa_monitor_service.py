#!/usr/bin/python
"""Ansible module: let the service run what is installed, and restart it only where it does not."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wa_monitor_plan import plan, systemctl

DOCUMENTATION = r"""
module: wa_monitor_service
short_description: Enable a unit, and restart it if it runs something older than what is installed
description:
  - Compares the start of the service with the age of what it was started from, so that a deploy
    that was cut off after it changed a file, but before it restarted, is finished by the next one.
options:
  unit: {description: Name of the unit., type: str, required: true}
  user: {description: User of the service, owner of its own files., type: str, required: true}
  home:
    description:
      - Folder of the environment. The service must have started after C(current) and C(.env) in it
        were written, have read C(config/projects.yaml) since, and own its state, store and log.
    type: path
    required: true
  restart: {description: Restart in any case., type: bool, default: false}
  reload: {description: "Reload in any case, if there is no restart.", type: bool, default: false}
"""


def own_files(home: Path, unit: str) -> list[Path]:
    """Return the files that the service must own before it starts, where they exist."""
    names = ("state.json", "drops.db", "drops.db-wal", "drops.db-shm", f"logs/{unit}.log")
    return [home / name for name in names]


def foreign(paths: list[Path], user: str) -> list[Path]:
    """Return the files that the service could not replace, since they are not its own."""
    uid = pwd.getpwnam(user).pw_uid
    return [path for path in paths if path.is_file() and path.lstat().st_uid != uid]


def last_words(unit: str, since: float) -> str:
    """Return how a unit failed, and the last thing that the program itself said."""
    result = systemctl("show", unit, "--property=Result", "--value").stdout.strip()
    subprocess.run(["journalctl", "--sync"], check=False, capture_output=True)
    said = (
        subprocess.run(
            [
                "journalctl",
                f"--identifier={unit}",
                f"--since=@{int(since)}",
                "--output=cat",
                "--no-pager",
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        .stdout.strip()
        .splitlines()
    )
    return f"{result}: {said[-1] if said else 'it said nothing'}"


def restarted(unit: str, user: str, own: list[Path]) -> str:
    """Restart a service; say why it does not start, or nothing if it does."""
    began = time.time()
    systemctl("reset-failed", unit)
    if strangers := foreign(own, user):
        # As long as the old system runs as root, it makes such files anew.
        systemctl("stop", unit)
        account = pwd.getpwnam(user)
        for path in strangers:
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
    if systemctl("restart", unit).returncode:
        return f"{unit} does not start, {last_words(unit, began)}"
    return ""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "required": True},
            "user": {"type": "str", "required": True},
            "home": {"type": "path", "required": True},
            "restart": {"type": "bool", "default": False},
            "reload": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    unit, user = module.params["unit"], module.params["user"]
    home = Path(module.params["home"])
    found = plan(unit, home, module.params["restart"], module.params["reload"])
    doing = found.told(unit)
    result = {
        "changed": bool(doing),
        "diff": {"before": "", "after": "".join(f"{line}\n" for line in doing)},
    }
    if module.check_mode or not doing:
        module.exit_json(**result)
    systemctl("daemon-reload")
    if found.enable and (done := systemctl("enable", "--quiet", unit)).returncode:
        module.fail_json(msg=f"{unit} cannot be enabled: {done.stderr.strip()}")
    if found.reload and (done := systemctl("reload", unit)).returncode:
        module.fail_json(msg=f"{unit} does not reload: {done.stderr.strip()}")
    if found.restart:
        began = time.monotonic()
        if fault := restarted(unit, user, own_files(home, unit)):
            module.fail_json(msg=fault, **result)
        result["seconds"] = round(time.monotonic() - began, 3)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
