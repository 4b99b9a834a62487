#!/usr/bin/python
"""Ansible module: find a good backup of an environment, and put parts of it back."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: wa_monitor_restore
short_description: Choose and verify a backup, and put parts of it back
description:
  - Every file is compared with the manifest before anything is touched. A named backup that is
    damaged is refused; where the choice is free, damaged ones are passed over and named.
  - The service must be stopped while state or store are put back.
options:
  root: {description: Folder of all environments., type: path, required: true}
  name: {description: Name of the environment., type: str, required: true}
  backup:
    description: "A day (2025-11-10), a name (prod-010203Z), both, or a path; empty for the newest."
    type: str
    default: ""
  parts:
    description: What to put back; empty to verify alone.
    type: list
    elements: str
    choices: [state, store, config, units, modules]
    default: []
  dotenv:
    description: Put C(.env.previous), which the last deploy left, back as .env.
    type: bool
    default: false
  if_there:
    description: Pass over parts that the backup does not hold, instead of refusing.
    type: bool
    default: false
  units_folder: {description: Where units go., type: path, default: /etc/systemd/system}
"""

MANIFEST = "MANIFEST.json"
PARTS = ("state", "store", "config", "units", "modules")
DAY = re.compile(r"\d{4}-\d\d-\d\d")


class RefusedError(Exception):
    """There is no such backup, or it is damaged; the text is for the operator."""


def fault_of(folder: Path, name: str) -> str:
    """Say what is wrong with a backup, by its manifest; empty if nothing is."""
    try:
        about = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        listed: dict[str, dict[str, Any]] = about["files"]
        environment = about["environment"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"its {MANIFEST} cannot be read: {error}"
    if environment != name:
        return f"it is of the environment {environment}"
    faults = (file_fault(folder, relative, listed[relative]) for relative in listed)
    if fault := next(filter(None, faults), ""):
        return fault
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    strangers = sorted(found - set(listed) - {MANIFEST})
    return f"{strangers[0]} is not in its manifest" if strangers else ""


def file_fault(folder: Path, relative: str, expected: dict[str, Any]) -> str:
    """Say how a file differs from what the manifest says of it; empty if it does not."""
    path = folder / relative
    if not path.is_file():
        return f"{relative} is missing"
    if path.stat().st_size != expected["size"]:
        return f"{relative} has {path.stat().st_size} bytes instead of {expected['size']}"
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != expected["sha256"]:
            return f"{relative} has another SHA-256 than when it was made"
    return ""


def candidates(backups: Path, name: str, asked: str) -> tuple[list[Path], bool]:
    """Return the backups that an operator's words may mean, and whether they name a single one.

    The newest comes first.
    """
    if asked.startswith("/"):
        return [Path(asked)], True
    day, one = (asked, "") if DAY.fullmatch(asked) else ("", asked)
    if "/" in asked:
        day, _, one = asked.partition("/")
    found = backups.glob(f"{day or '*'}/{one or name + '-*'}")
    kept = [path for path in found if path.is_dir() and path.name.startswith(f"{name}-")]
    return sorted(kept, reverse=True), bool(one)


def choose(backups: Path, name: str, asked: str) -> tuple[Path, list[str]]:
    """Return the backup to use and what was passed over. Raises RefusedError."""
    found, is_named = candidates(backups, name, asked)
    passed_over: list[str] = []
    for folder in found:
        fault = fault_of(folder, name)
        if not fault:
            return folder, passed_over
        passed_over.append(f"{folder}: {fault}")
        if is_named:
            raise RefusedError(f"the backup {folder} is damaged and was not used: {fault}")
    if passed_over:
        raise RefusedError(f"no good backup of {name}: {'; '.join(passed_over)}")
    raise RefusedError(f"there is no backup of {name} for {asked or 'any day'} in {backups}")


def put(source: Path, target: Path, owner: str, group: str, mode: int) -> None:
    """Give a target the content of a file of the backup, by a rename, durably."""
    fresh = target.with_name(f".{target.name}.restored")
    fresh.unlink(missing_ok=True)
    # Exclusively: the service may make links in its own folder, and root must not follow one.
    with source.open("rb") as kept, os.fdopen(_exclusive(fresh), "wb") as file:
        shutil.copyfileobj(kept, file)
        file.flush()
        shutil.chown(fresh, owner, group)
        fresh.chmod(mode)
        os.fsync(file.fileno())
    fresh.replace(target)


def _exclusive(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def restore_state(backup: Path, home: Path, user: str) -> None:
    """Put state.json back."""
    put(backup / "state.json", home / "state.json", user, user, 0o640)


def restore_store(backup: Path, home: Path, user: str) -> None:
    """Put the embedded store back, without what belongs to the present one's journal."""
    put(backup / "drops.db", home / "drops.db", user, user, 0o640)
    for name in ("drops.db-wal", "drops.db-shm", "drops.db-journal"):
        (home / name).unlink(missing_ok=True)


def restore_config(backup: Path, home: Path, user: str) -> None:
    """Put settings back, .env among them where the backup has it."""
    for source in (backup / "config").glob("*"):
        put(source, home / "config" / source.name, "root", user, 0o640)
    if (backup / "env").is_file():
        put(backup / "env", home / ".env", "root", user, 0o640)


def restore_old_modules(backup: Path, home: Path, release: str) -> None:
    """Make a release of the old system's code, which has no archive to install from."""
    final = home / "releases" / release
    if final.is_dir():
        return
    partial = home / "releases" / f".{release}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(backup / "modules", partial / "modules")
    for source, name in (
        (next((backup / "units").glob("*.service"), None), "unit.service"),
        (backup / "env", "dotenv"),
        (backup / "config" / "projects.yaml", "projects.yaml"),
    ):
        if source is not None and source.is_file():
            shutil.copyfile(source, partial / name)
    about = {"release": release, "layout": "old"}
    (partial / "RELEASE.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    partial.chmod(0o700)
    partial.rename(final)


NEEDS = {
    "state": "state.json",
    "store": "drops.db",
    "config": "config",
    "units": "units",
    "modules": "modules",
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "name": {"type": "str", "required": True},
            "backup": {"type": "str", "default": ""},
            "parts": {"type": "list", "elements": "str", "choices": list(PARTS), "default": []},
            "dotenv": {"type": "bool", "default": False},
            "if_there": {"type": "bool", "default": False},
            "units_folder": {"type": "path", "default": "/etc/systemd/system"},
        },
        supports_check_mode=True,
    )
    root, name, parts = Path(module.params["root"]), module.params["name"], module.params["parts"]
    home, user = root / name, f"wa-monitor-{name}"
    try:
        backup, passed_over = choose(root / "backups", name, module.params["backup"])
    except RefusedError as error:
        module.fail_json(msg=str(error))
    about = json.loads((backup / MANIFEST).read_text(encoding="utf-8"))
    old = about["layout"] == "old"
    release = about["release"] or f"old-{about['made_at'].replace('-', '').replace(':', '')}"
    has = [part for part, needs in NEEDS.items() if (backup / needs).exists()]
    if module.params["if_there"]:
        parts = [part for part in parts if part in has]
    if missing := [part for part in parts if part not in has]:
        module.fail_json(msg=f"the backup {backup} holds no {', '.join(missing)}")
    if not module.check_mode:
        if "state" in parts:
            restore_state(backup, home, user)
        if "store" in parts:
            restore_store(backup, home, user)
        if "config" in parts:
            restore_config(backup, home, user)
        if module.params["dotenv"]:
            put(home / ".env.previous", home / ".env", "root", user, 0o640)
            (home / ".env.previous").unlink()
        if "units" in parts:
            for unit in (backup / "units").iterdir():
                put(unit, Path(module.params["units_folder"], unit.name), "root", "root", 0o644)
        if "modules" in parts and old:
            restore_old_modules(backup, home, release)
    module.exit_json(
        changed=bool(parts),
        path=str(backup),
        release=release,
        old_layout=old,
        has=has,
        made_at=about["made_at"],
        versions=about["versions"],
        passed_over=passed_over,
        archive=str(backup / "release.tar") if (backup / "release.tar").is_file() else "",
    )


if __name__ == "__main__":
    main()
