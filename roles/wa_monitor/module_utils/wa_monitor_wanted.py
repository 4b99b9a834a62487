"""How a file on the host is told from what it should be."""

from __future__ import annotations

import base64
import grp
import pwd
import stat
from pathlib import Path
from typing import Any

FILE_OPTIONS = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str"},
    "secret": {"type": "str", "no_log": True},
    "visible": {"type": "list", "elements": "str", "default": []},
    "absent": {"type": "bool", "default": False},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "mode": {"type": "str", "default": "0644"},
    "keep": {"type": "bool", "default": False},
    "validate": {"type": "str", "default": ""},
}


def rights(path: Path) -> str:
    """Return owner, group and mode of a file as text."""
    found = path.stat()
    try:
        owner, group = pwd.getpwuid(found.st_uid).pw_name, grp.getgrgid(found.st_gid).gr_name
    except KeyError:
        return "unknown"
    return f"{owner}:{group} {stat.S_IMODE(found.st_mode):04o}"


def text_of(file: dict[str, Any]) -> str:
    """Return the text that a file should have."""
    if file["secret"] is not None:
        return base64.b64decode(file["secret"]).decode()
    return str(file["content"] or "")


def wanted_rights(file: dict[str, Any]) -> str:
    """Return owner, group and mode that a file should have, as text."""
    return f"{file['owner']}:{file['group']} {int(file['mode'], 8):04o}"


def differs(file: dict[str, Any]) -> bool:
    """Tell whether a file on the host is not as it should be."""
    path = Path(file["path"])
    if file["absent"] or not path.is_file():
        return bool(file["absent"]) == path.is_file()
    same_text = path.read_text(encoding="utf-8", errors="replace") == text_of(file)
    return not same_text or rights(path) != wanted_rights(file)
