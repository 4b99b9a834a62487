#!/usr/bin/python
"""Ansible module: the files that a service reads, checked before they are put in place."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wa_monitor_wanted import (
    FILE_OPTIONS,
    differs,
    rights,
    text_of,
    wanted_rights,
)

DOCUMENTATION = r"""
module: wa_monitor_files
short_description: Write several small text files in one round trip
description:
  - Each file that differs is first checked by its C(validate) command, on a copy under its own
    name, and all of them before the first is replaced. Replacing is one rename.
options:
  files:
    description: The files.
    type: list
    elements: dict
    required: true
    suboptions:
      path: {description: Where it goes., type: path, required: true}
      content: {description: Its text., type: str}
      secret:
        description:
          - Its text, if it holds secrets, as lines KEY=value; instead of content.
          - In Base64, for Ansible masks in its log only what stands there as it is, which a text of
            several lines does not.
        type: str
      visible:
        description: Keys of a secret text whose values may be shown.
        type: list
        elements: str
        default: []
      absent: {description: Remove the file instead., type: bool, default: false}
      owner: {description: Its owner., type: str, default: root}
      group: {description: Its group., type: str, default: root}
      mode: {description: "Its mode, such as 0640.", type: str, default: "0644"}
      keep:
        description: Leave what is replaced beside it, as C(<name>.previous), for root alone.
        type: bool
        default: false
      validate:
        description: Command that accepts or refuses the file; C(%s) stands for its path.
        type: str
        default: ""
"""


class RefusedError(Exception):
    """A file was refused by its check; the text says why."""


def refuse_invalid(file: dict[str, Any]) -> None:
    """Run the check of a file on a copy that has its name. Raises RefusedError."""
    words = shlex.split(file["validate"])
    if not words or file["absent"]:
        return
    with tempfile.TemporaryDirectory(prefix="wa-monitor-check-") as folder:
        copy = Path(folder, Path(file["path"]).name)
        copy.write_text(text_of(file), encoding="utf-8")
        done = subprocess.run(
            [word.replace("%s", str(copy)) for word in words],
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
        )
    if done.returncode:
        said = (done.stdout + done.stderr).replace(str(copy), file["path"]).strip()
        raise RefusedError(f"{file['path']} was refused and nothing was written: {said}")


def write(file: dict[str, Any]) -> None:
    """Put a file in place, by a rename, durably."""
    path = Path(file["path"])
    if file["absent"]:
        path.unlink()
        return
    if file["keep"] and path.is_file():
        replace(path.with_name(f"{path.name}.previous"), path.read_bytes(), "root", "root", 0o600)
    replace(path, text_of(file).encode(), file["owner"], file["group"], int(file["mode"], 8))


def replace(path: Path, content: bytes, owner: str, group: str, mode: int) -> None:
    """Give a path a new file by one rename, with its rights from the first byte on."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        shutil.chown(fresh, owner, group)
        fresh.chmod(mode)
        os.fsync(stream.fileno())
    fresh.replace(path)


def masked(text: str, visible: list[str]) -> str:
    """Return lines KEY=value with the values of all keys hidden but the visible ones'."""
    lines = []
    for line in text.splitlines():
        key, found, _ = line.partition("=")
        hide = found and key not in visible and not line.startswith("#")
        lines.append(f"{key}=***" if hide else line)
    return "".join(f"{line}\n" for line in lines)


def difference(file: dict[str, Any]) -> dict[str, str]:
    """Return what --diff shows of a file; of a secret one, only that it changes."""
    path = Path(file["path"])
    there = path.is_file()
    hidden = file["secret"] is not None
    old = path.read_text(encoding="utf-8", errors="replace") if there else ""
    old_rights, new_rights = rights(path) if there else "", wanted_rights(file)
    shown = {
        "before_header": f"{path} {old_rights}".strip(),
        "after_header": f"{path} {new_rights}",
        "before": old,
        "after": "" if file["absent"] else text_of(file),
    }
    if hidden:
        shown.update({side: masked(shown[side], file["visible"]) for side in ("before", "after")})
    if shown["before"] == shown["after"]:
        note = "a value that is not shown" if old_rights == new_rights else new_rights
        shown.update(before=f"{old_rights}\n", after=f"{note}\n")
    return shown


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": FILE_OPTIONS,
            },
        },
        supports_check_mode=True,
    )
    wrong = [file for file in module.params["files"] if differs(file)]
    shown = [difference(file) for file in wrong]
    try:
        # In check mode, what a file names (such as a release) may not be there yet.
        for file in [] if module.check_mode else wrong:
            refuse_invalid(file)
        for file in [] if module.check_mode else wrong:
            write(file)
    except (RefusedError, OSError, LookupError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(wrong), paths=[file["path"] for file in wrong], diff=shown)


if __name__ == "__main__":
    main()
