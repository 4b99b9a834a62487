#!/usr/bin/python
"""Ansible module: one backup of an environment, complete or invisible."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sqlite3
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wa_monitor_surplus import going, remove

DOCUMENTATION = r"""
module: wa_monitor_backup
short_description: Back up an environment while its service runs
description:
  - Copies state, embedded store, code, settings, units and the crontab's line into a hidden folder,
    writes a manifest with size and SHA-256 of each, makes all of it durable, and only then gives
    the folder its name, C(<root>/backups/YYYY-MM-DD/<environment>-HHMMSSZ).
  - The environment's C(last-backup) then names it, for the service to show.
  - Then the old ones go, those beyond the number to keep and older than the days to keep.
  - state.json is replaced by renames, so a copy of it is a whole one; the embedded store is read
    through SQLite's backup interface.
options:
  root: {description: Folder of all environments., type: path, required: true}
  name: {description: Name of the environment., type: str, required: true}
  units: {description: Unit files to include where they exist., type: list, elements: path}
  secrets: {description: Whether .env is included., type: bool, default: false}
  keep: {description: How many backups to keep at least., type: int, required: true}
  days: {description: Days for which all are kept., type: int, required: true}
"""

MANIFEST = "MANIFEST.json"
NOTE = "last-backup"
FORMAT = 1


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_store(source: Path, target: Path) -> None:
    """Copy an SQLite database as of one moment, whoever is writing to it."""
    with (
        sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=30) as there,
        sqlite3.connect(target) as here,
    ):
        there.backup(here)
        # So that looking into the backup later leaves no files beside it.
        here.execute("PRAGMA journal_mode=DELETE")
    there.close()
    here.close()


def crontab_line() -> str:
    """Return the lines of root's crontab that speak of the monitor."""
    try:
        text = subprocess.run(["crontab", "-l"], check=False, capture_output=True, text=True).stdout
    except FileNotFoundError:
        return ""
    return "".join(f"{line}\n" for line in text.splitlines() if "wa-monitor-" in line)


def collect(home: Path, units: list[Path], secrets: bool, into: Path) -> None:
    """Copy all that belongs to an environment into a folder."""
    for name in ("config", "modules"):
        if (home / name).is_dir():
            shutil.copytree(
                home / name,
                into / name,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
    for source, name in (
        (home / "state.json", "state.json"),
        (home / "current" / "bundle.tar", "release.tar"),
        (home / ".env" if secrets else into / "none", "env"),
    ):
        if _is_plain(source):
            shutil.copyfile(source, into / name)
    if _is_plain(home / "drops.db"):
        copy_store(home / "drops.db", into / "drops.db")
    (into / "units").mkdir()
    for unit in units:
        if unit.is_file():
            shutil.copyfile(unit, into / "units" / unit.name)
    (into / "crontab").write_text(crontab_line(), encoding="utf-8")


def _is_plain(path: Path) -> bool:
    # A link that the service made must not bring a file of root's into a backup.
    return path.is_file() and not path.is_symlink()


def release_of(home: Path) -> dict[str, str]:
    """Return what the live release says of itself; the old system has none."""
    mark = home / "current" / "RELEASE.json"
    if mark.is_file():
        about: dict[str, str] = json.loads(mark.read_text(encoding="utf-8"))
        return about
    return {"release": "", "layout": "old"}


def manifest(name: str, made_at: datetime, home: Path, folder: Path) -> dict[str, Any]:
    """Describe a backup: what it is of, and every file in it."""
    about = release_of(home)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        "format": FORMAT,
        "environment": name,
        "made_at": f"{made_at:%Y-%m-%dT%H:%M:%SZ}",
        "release": about["release"],
        "layout": about.get("layout", "release"),
        "versions": {
            "monitor": about.get("version", "unknown"),
            "python": platform.python_version(),
            "system": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
            "machine": platform.machine(),
        },
        "files": {
            str(path.relative_to(folder)): {"size": path.stat().st_size, "sha256": sha256(path)}
            for path in files
        },
    }


def make_durable(folder: Path) -> None:
    """Close a finished folder to all but root, and have the disk hold it."""
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    for path in [*folder.rglob("*"), folder]:
        sync(path)


def sync(path: Path) -> None:
    """Have the disk hold a file's bytes, or a folder's names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def free_name(day_folder: Path, name: str) -> tuple[datetime, Path]:
    """Return a moment whose second has no backup yet, and the backup's folder."""
    while True:
        now = datetime.now(UTC)
        final = day_folder / f"{now:%Y-%m-%d}" / f"{name}-{now:%H%M%SZ}"
        if not final.exists():
            return now, final
        time.sleep(0.2)


def make(params: dict[str, Any]) -> Path:
    """Make a backup and return its folder."""
    home = Path(params["root"], params["name"])
    backups = Path(params["root"], "backups")
    backups.mkdir(mode=0o700, exist_ok=True)
    now, final = free_name(backups, params["name"])
    partial = backups / f".{final.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    try:
        units = [Path(unit) for unit in params["units"] or []]
        collect(home, units, params["secrets"], partial)
        about = manifest(params["name"], now, home, partial)
        text = json.dumps(about, indent=2) + "\n"
        (partial / MANIFEST).write_text(text, encoding="utf-8")
        make_durable(partial)
        final.parent.mkdir(mode=0o700, exist_ok=True)
        partial.rename(final)
        sync(final.parent)
        sync(backups)
        name_newest(home, final)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return final


def name_newest(home: Path, backup: Path) -> None:
    """Leave the backup's name in the home: the service may not look into the backups."""
    draft = home / f".{NOTE}.new"
    draft.write_text(f"{backup.parent.name}/{backup.name}\n", encoding="utf-8")
    draft.chmod(0o644)
    draft.rename(home / NOTE)


def drop_old(params: dict[str, Any], newest: Path) -> list[str]:
    """Remove the old backups of the environment and return their names."""
    backups = Path(params["root"], "backups")
    pattern = f"*/{params['name']}-*"
    old = going(backups, pattern, MANIFEST, params["keep"], params["days"], [newest.name])
    remove(backups, old)
    return [path.name for path in old]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "name": {"type": "str", "required": True},
            "units": {"type": "list", "elements": "path"},
            "secrets": {"type": "bool", "default": False},
            "keep": {"type": "int", "required": True},
            "days": {"type": "int", "required": True},
        },
        supports_check_mode=True,
    )
    if not Path(module.params["root"], module.params["name"]).is_dir():
        module.exit_json(changed=False, path="", msg="there is nothing to back up yet")
    if module.check_mode:
        module.exit_json(changed=True, path="")
    try:
        path = make(module.params)
        removed = drop_old(module.params, path)
    except (OSError, sqlite3.Error, ValueError) as error:
        module.fail_json(msg=f"{module.params['name']} was not backed up: {error}")
    module.exit_json(changed=True, path=str(path), removed=removed)


if __name__ == "__main__":
    main()
