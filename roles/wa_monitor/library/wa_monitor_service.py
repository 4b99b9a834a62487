#!/usr/bin/python
"""Ansible module: let the service run what is installed, and restart it only where it does not."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: wa_monitor_service
short_description: Enable a unit, and restart it if it runs something older than what is installed
description:
  - Compares the start of the service with the age of what it was started from, so that a deploy
    that was cut off after it changed a file, but before it restarted, is finished by the next one.
options:
  unit: {description: Name of the unit., type: str, required: true}
  user: {description: User of the service, owner of its own files., type: str, required: true}
  own:
    description: Files that the service must own before it starts, where they exist.
    type: list
    elements: path
    default: []
  newer_than:
    description: Files and links that the service must have started after.
    type: list
    elements: path
    default: []
  reload_for:
    description: Files that the service must have read after they were written; it reads them anew
      by a reload, without a restart.
    type: list
    elements: path
    default: []
  restart: {description: Restart in any case., type: bool, default: false}
  reload: {description: "Reload in any case, if there is no restart.", type: bool, default: false}
"""

STARTED = "ExecMainStartTimestampMonotonic"
# A reload takes a unit out of the state active and back.
RELOADED = "StateChangeTimestampMonotonic"
SHOWN = ("ActiveState", "UnitFileState", "NeedDaemonReload", STARTED, RELOADED)


def systemctl(*words: str) -> subprocess.CompletedProcess[str]:
    """Run systemctl and return what came of it."""
    return subprocess.run(
        ["systemctl", "--no-ask-password", *words], check=False, capture_output=True, text=True
    )


def shown(unit: str) -> dict[str, str]:
    """Return the properties of a unit that decide what to do."""
    lines = systemctl("show", unit, f"--property={','.join(SHOWN)}").stdout.splitlines()
    return dict(line.partition("=")[::2] for line in lines)


def time_of(properties: dict[str, str], event: str) -> float:
    """Return the time of an event in seconds since 1970, zero if it never was."""
    monotonic = int(properties.get(event) or 0) / 1e6
    return time.time() - (time.monotonic() - monotonic) if monotonic else 0.0


def first_newer(paths: list[Path], moment: float) -> str:
    """Return the first of the paths that was written after a moment; empty if none was."""
    for path in paths:
        if (path.is_symlink() or path.exists()) and path.lstat().st_mtime > moment:
            return str(path)
    return ""


def why_restart(properties: dict[str, str], newer_than: list[Path], asked: bool) -> str:
    """Say why the service has to be started again; empty if it has not."""
    if asked:
        return "what it is started from changes"
    if properties.get("ActiveState") != "active":
        return f"it is {properties.get('ActiveState') or 'unknown'}"
    if properties.get("NeedDaemonReload") == "yes":
        return "its unit has changed"
    newer = first_newer(newer_than, time_of(properties, STARTED))
    return f"{newer} is newer than its start" if newer else ""


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
            "own": {"type": "list", "elements": "path", "default": []},
            "newer_than": {"type": "list", "elements": "path", "default": []},
            "reload_for": {"type": "list", "elements": "path", "default": []},
            "restart": {"type": "bool", "default": False},
            "reload": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    unit, user = module.params["unit"], module.params["user"]
    own, newer_than, reload_for = (
        [Path(path) for path in module.params[key]] for key in ("own", "newer_than", "reload_for")
    )
    properties = shown(unit)
    enable = properties.get("UnitFileState") != "enabled"
    restart = why_restart(properties, newer_than, module.params["restart"])
    reload = not restart and (
        module.params["reload"] or bool(first_newer(reload_for, time_of(properties, RELOADED)))
    )
    doing = [f"{unit}: restart, {restart}"] if restart else []
    doing += [f"{unit}: reload"] if reload else []
    doing += [f"{unit}: enable"] if enable else []
    result = {
        "changed": bool(doing),
        "doing": doing,
        "reason": restart,
        "restarted": bool(restart),
        "diff": {"before": "", "after": "".join(f"{line}\n" for line in doing)},
    }
    if module.check_mode or not doing:
        module.exit_json(**result)
    systemctl("daemon-reload")
    if enable and (done := systemctl("enable", "--quiet", unit)).returncode:
        module.fail_json(msg=f"{unit} cannot be enabled: {done.stderr.strip()}")
    if reload and (done := systemctl("reload", unit)).returncode:
        module.fail_json(msg=f"{unit} does not reload: {done.stderr.strip()}")
    if restart:
        began = time.monotonic()
        if fault := restarted(unit, user, own):
            module.fail_json(msg=fault, **result)
        result["seconds"] = round(time.monotonic() - began, 3)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
