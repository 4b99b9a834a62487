#!/usr/bin/python
"""Ansible module: try settings that are not in place yet with the release that is to read them."""

from __future__ import annotations

import base64
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wa_monitor_arguments import environments

DOCUMENTATION = r"""
module: wa_monitor_trial
short_description: Check settings, state and store before anything is changed
description:
  - Puts the settings into a scratch folder and runs the release's own C(config validate),
    C(state validate) and C(db check) on them, as the service's user where there is one already.
  - Changes nothing; every fault is one line, in the words of the monitor.
  - All checks of all environments run side by side.
options:
  environments:
    description: The environments to try.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: Name of the environment., type: str, required: true}
      release: {description: Folder of the release to try with., type: path, required: true}
      home: {description: Folder of the environment., type: path, required: true}
      user: {description: User that the service runs as., type: str, required: true}
      projects: {description: Text of projects.yaml., type: str, required: true}
      dotenv: {description: "Text of .env, in Base64.", type: str, required: true}
      settings:
        description: Whether the settings are to be checked, or are in place and were.
        type: bool
        default: true
      store: {description: Whether there is a database to check., type: bool, default: true}
  timeout: {description: Seconds that the checks may take., type: int, default: 20}
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
    dotenv.write_bytes(base64.b64decode(params["dotenv"]))
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


def started(
    asked: dict[str, Any], home: Path, owner: tuple[int, int]
) -> dict[str, subprocess.Popen[str]]:
    """Start the checks of an environment side by side, by what they are about."""
    python = str(Path(asked["release"], "venv", "bin", "python"))
    return {
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
            extra_groups=groups(asked["user"], owner),
        )
        for about, command in checks(asked, home).items()
    }


def faults_of(process: subprocess.Popen[str], end: float) -> list[str]:
    """Return what a check found, line by line; none if all is well."""
    try:
        text = process.communicate(timeout=max(0.1, end - time.monotonic()))[0]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return ["no answer in time"]
    lines = [
        line.removeprefix("wa-monitor: ")
        for line in text.strip().splitlines()
        if not line.endswith(": valid")
    ]
    if not process.returncode:
        return []
    return lines or [f"the check ended with exit code {process.returncode}"]


def groups(user: str, owner: tuple[int, int]) -> list[int]:
    """Return the groups of a user that exists."""
    return [] if owner[0] == NOBODY else os.getgrouplist(user, owner[1])


def tried(environments: list[dict[str, Any]], folder: Path, timeout: float) -> list[str]:
    """Try all environments at once and return a line for each that has faults."""
    homes = {}
    running = {}
    for asked in environments:
        name, owner = asked["name"], account(asked["user"])
        place = folder / name
        place.mkdir(mode=0o700)
        homes[name] = scratch_home(place, asked, owner)
        running[name] = started(asked, homes[name], owner)
    end = time.monotonic() + timeout
    told = []
    for asked in environments:
        name = asked["name"]
        found = {about: faults_of(process, end) for about, process in running[name].items()}
        if found.get("settings"):
            # With bad settings, the store was not even looked for.
            found.pop("store", None)
        lines = "; ".join(f"{about}: {' | '.join(each)}" for about, each in found.items() if each)
        # The operator knows the real folder, not the scratch one.
        lines = lines.replace(str(homes[name]), asked["home"])
        told += [f"{name}'s {lines}"] if lines else []
    return told


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "environments": environments(
                release={"type": "path", "required": True},
                home={"type": "path", "required": True},
                user={"type": "str", "required": True},
                projects={"type": "str", "required": True},
                dotenv={"type": "str", "required": True, "no_log": True},
                settings={"type": "bool", "default": True},
                store={"type": "bool", "default": True},
            ),
            "timeout": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )
    with tempfile.TemporaryDirectory(prefix="wa-monitor-trial-") as folder:
        # The services' users have to get through to what is theirs.
        Path(folder).chmod(0o711)
        told = tried(module.params["environments"], Path(folder), module.params["timeout"])
    module.exit_json(changed=False, told=told)


if __name__ == "__main__":
    main()
