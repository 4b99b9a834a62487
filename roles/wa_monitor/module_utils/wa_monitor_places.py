"""The folders and rights that an environment has to have, and what is wrong with them."""

from __future__ import annotations

import grp
import pwd
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Place(NamedTuple):
    """A path with the owner, group and mode that it has to have."""

    path: Path
    owner: str
    group: str
    mode: int


def places(home: Path, user: str) -> list[Place]:
    """Return the folders of an environment, and the service's own files where they exist."""
    folders = [
        Place(home.parent, "root", "root", 0o755),
        Place(home, "root", user, 0o1770),
        Place(home / "releases", "root", "root", 0o755),
        Place(home / "config", "root", user, 0o750),
        Place(home / "logs", user, user, 0o750),
    ]
    own = [
        home / "state.json",
        *home.glob("state.json.corrupt-*"),
        *home.glob("drops.db*"),
        *home.glob("logs/*"),
    ]
    return folders + [
        Place(path, user, user, 0o640) for path in own if path.is_file() and not path.is_symlink()
    ]


def wrong(place: Place) -> str:
    """Say what is wrong with a place; empty if nothing is."""
    try:
        found = place.path.lstat()
    except FileNotFoundError:
        return "absent"
    is_folder = stat.S_ISDIR(found.st_mode)
    mode = stat.S_IMODE(found.st_mode)
    names = _name(pwd.getpwuid, found.st_uid), _name(grp.getgrgid, found.st_gid)
    if names == (place.owner, place.group) and (mode == place.mode or not is_folder):
        return ""
    return f"{names[0]}:{names[1]} {mode:04o}"


def _name(lookup: Callable[[int], Any], number: int) -> str:
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)


def faults_of(home: Path, user: str) -> dict[Place, str]:
    """Return what is wrong with an environment's folders and files, by place."""
    return {place: fault for place in places(home, user) if (fault := wrong(place))}


def is_old(home: Path) -> bool:
    """Tell whether an environment is as the old system laid it out: code in a plain folder."""
    modules = home / "modules"
    return modules.is_dir() and not modules.is_symlink()


def told(home: Path, faults: dict[Place, str]) -> list[str]:
    """Return the faults of an environment as lines for the operator."""
    lines = [f"{place.path} {fault}" for place, fault in faults.items()]
    return [*lines, f"{home / 'modules'} folder of the old system"] if is_old(home) else lines
