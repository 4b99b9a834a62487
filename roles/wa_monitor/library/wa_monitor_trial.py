#!/usr/bin/python
"""Ansible module: try settings that are not in place yet with the release that is to read them."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: wa_monitor_trial
short_description: Check settings, state and store before anything is changed
description:
  - Puts the settings into a scratch folder and runs the release's own C(config validate),
    C(state validate) and C(db check) on them, as the service's user where there is one already.
  - Changes nothing; every fault is one line, in the words of the monitor.
options:
  release: {description: Folder of the release to try with., type: path, required: true}
  home: {description: Folder of the environment., type: path, required: true}
  user: {description: User that the service runs as., type: str, required: true}
  projects: {description: Text of projects.yaml., type: str, required: true}
  dotenv: {description: Text of .env., type: str, required: true}
  settings:
    description: Whether the settings are to be checked, or are in place and were.
    type: bool
    default: true
  store: {description: Whether there is a database to check., type: bool, default: true}
  timeout: {description: Seconds that one check may take., type: int, default: 20}
"""

NOBODY = 65534


def account(user: str) -> tuple[int, int]:
    """Return uid and gid of the service, or those of nobody while it has no user."""
    try:
        found = pwd.getpwnam(user)
    except KeyError:
        return NOBODY, NOBODY
    return found.pw_uid, found.pw_gid


def scratch_home(folder: Path, params: dict[str, Any], owner: tuple[int, int]) -> Path:
    """Lay out a home that holds what is to be tried."""
    home = folder / Path(params["home"]).name
    for path in (home, home / "config", home / "logs"):
        path.mkdir(mode=0o700)
    (home / "config" / "projects.yaml").write_text(params["projects"], encoding="utf-8")
    dotenv = home / ".env"
    dotenv.touch(mode=0o600)
    dotenv.write_text(params["dotenv"], encoding="utf-8")
    state = Path(params["home"], "state.json")
    if state.is_file():
        shutil.copyfile(state, home / "state.json")
    for path in (folder, home, *home.rglob("*")):
        os.chown(path, *owner)
    return home


def checks(params: dict[str, Any], home: Path) -> dict[str, list[str]]:
    """Return the checks to run, by what they are about."""
    wanted = {"settings": ["config", "validate"]} if params["settings"] else {}
    if (home / "state.json").exists():
        wanted["state"] = ["state", "validate", str(home / "state.json")]
    if params["store"]:
        wanted["store"] = ["db", "check"]
    return wanted


def faults_of(params: dict[str, Any], home: Path, owner: tuple[int, int]) -> dict[str, list[str]]:
    """Run the checks side by side and return the lines of those that failed."""
    python = str(Path(params["release"], "venv", "bin", "python"))
    running = {
        about: subprocess.Popen(
            [python, "-I", "-m", "monitor", "--home", str(home), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/nonexistent"},
            user=owner[0],
            group=owner[1],
            extra_groups=groups(params["user"], owner),
        )
        for about, command in checks(params, home).items()
    }
    faults = {}
    for about, process in running.items():
        try:
            text = process.communicate(timeout=params["timeout"])[0]
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            faults[about] = [f"no answer within {params['timeout']} s"]
            continue
        if process.returncode:
            # The operator knows the real folder, not the scratch one.
            text = text.replace(str(home), params["home"])
            lines = [
                line.removeprefix("wa-monitor: ")
                for line in text.strip().splitlines()
                if not line.endswith(": valid")
            ]
            faults[about] = lines or [f"the check ended with exit code {process.returncode}"]
    return faults


def groups(user: str, owner: tuple[int, int]) -> list[int]:
    """Return the groups of a user that exists."""
    return [] if owner[0] == NOBODY else os.getgrouplist(user, owner[1])


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "release": {"type": "path", "required": True},
            "home": {"type": "path", "required": True},
            "user": {"type": "str", "required": True},
            "projects": {"type": "str", "required": True},
            "dotenv": {"type": "str", "required": True, "no_log": True},
            "settings": {"type": "bool", "default": True},
            "store": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )
    owner = account(module.params["user"])
    with tempfile.TemporaryDirectory(prefix="wa-monitor-trial-") as folder:
        home = scratch_home(Path(folder), module.params, owner)
        faults = faults_of(module.params, home, owner)
    if "settings" in faults:
        # With bad settings, the store was not even looked for.
        faults.pop("store", None)
    told = [f"{about}: {' | '.join(lines)}" for about, lines in faults.items()]
    module.exit_json(changed=False, told=told)


if __name__ == "__main__":
    main()
