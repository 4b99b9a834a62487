"""Which old releases or backups go, by number and by age."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

DAY = 86400.0


def surplus(
    found: dict[Path, float], keep: int, youngest_to_go: float, never: list[str]
) -> list[Path]:
    """Return the folders to remove, given the time of each."""
    newest_first = sorted(found, key=lambda path: found[path], reverse=True)
    return [
        path
        for path in newest_first[keep:]
        if found[path] < youngest_to_go and path.name not in never
    ]


def going(
    folder: Path, pattern: str, mark: str, keep: int, days: int, never: list[str]
) -> list[Path]:
    """Return what is to go of the folders that match a pattern and hold a mark.

    Leftovers of interrupted runs go after a day.
    """
    found = {
        path: (path / mark).stat().st_mtime
        for path in folder.glob(pattern)
        if (path / mark).is_file() and not path.name.startswith(".")
    }
    now = time.time()
    left = [path for path in folder.glob(".*.partial") if path.stat().st_mtime < now - DAY]
    return surplus(found, keep, now - days * DAY, never) + left


def remove(folder: Path, paths: list[Path]) -> None:
    """Remove folders, and the day's folder that one leaves empty."""
    for path in paths:
        shutil.rmtree(path)
        if path.parent != folder and not any(path.parent.iterdir()):
            path.parent.rmdir()
