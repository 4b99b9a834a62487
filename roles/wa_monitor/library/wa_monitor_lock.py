#!/usr/bin/python
"""Ansible module: let one play at a time change a host."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: wa_monitor_lock
short_description: Take or give back the lock that a play which changes the host holds
description:
  - The lock is a file in /run with who holds it and since when, so it does not outlive a boot. It
    is ignored once it is older than C(minutes).
  - C(taken) says whether the play has it now; otherwise C(holder) says who has.
options:
  state: {description: "Take it, or give it back.", type: str, choices: [held, free], default: held}
  path: {description: Path of the lock., type: path, default: /run/wa-monitor.lock}
  by: {description: "Who takes it: user, controller, pid, play.", type: dict, required: true}
  minutes: {description: Minutes after which it is ignored., type: int, default: 30}
  even_from:
    description: A holder that is known to be gone, as an earlier call returned it.
    type: dict
    default: {}
  break: {description: Take it whoever holds it., type: bool, default: false}
"""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[IO[str]]:
    """Open the lock's file, made at need; nobody else looks at it or changes it meanwhile."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(handle, "r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def holder(file: IO[str], now: float, minutes: int) -> dict[str, Any]:
    """Return who holds the lock; empty if nobody does, or did so too long ago."""
    try:
        found: dict[str, Any] = json.load(file)
        is_held = now - minutes * 60 < found["since"] <= now + 60
    except (ValueError, KeyError, TypeError):
        return {}
    return found if is_held else {}


def put(file: IO[str], content: dict[str, Any]) -> None:
    """Write down who holds the lock, nobody if there is no content."""
    file.seek(0)
    file.truncate()
    if content:
        json.dump(content, file)


def is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Tell whether two holders are the same play."""
    return all(one.get(key) == other.get(key) for key in ("controller", "pid"))


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["held", "free"], "default": "held"},
            "path": {"type": "path", "default": "/run/wa-monitor.lock"},
            "by": {"type": "dict", "required": True},
            "minutes": {"type": "int", "default": 30},
            "even_from": {"type": "dict", "default": {}},
            "break": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=False, taken=True, holder={})
    params, now = module.params, time.time()
    try:
        with opened(Path(params["path"])) as file:
            held_by = holder(file, now, params["minutes"])
            mine = not held_by or is_same(held_by, params["by"])
            if params["state"] == "free":
                if mine:
                    put(file, {})
                module.exit_json(changed=False)
            taken = mine or params["break"] or held_by == params["even_from"]
            if taken:
                put(file, {**params["by"], "since": now})
    except OSError as error:
        module.fail_json(msg=f"the lock of the host cannot be taken: {error}")
    # It is gone when the play is: no change to the host.
    module.exit_json(changed=False, taken=taken, holder={} if taken else held_by)


if __name__ == "__main__":
    main()
