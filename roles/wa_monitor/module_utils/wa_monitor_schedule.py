"""The lines of root's crontab that restart the monitor's services."""

# Also runs on the target before its Python is known to be new enough: keep to what 3.8 reads.
from __future__ import annotations

import re
import subprocess
from typing import Optional

RESTARTS = re.compile(r"^[^#]*\bsystemctl\s+restart\b.*\bwa-monitor-")


def crontab() -> Optional[str]:  # noqa: UP045 -- 3.8 knows no other
    """Return root's crontab, or None on a host without the command."""
    try:
        found = subprocess.run(["crontab", "-l"], check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    # Without a crontab, crontab -l is an error and prints nothing.
    return found.stdout if found.returncode == 0 else ""


def restarts(text: str) -> list[str]:
    """Return the lines that restart the monitor's services."""
    return [line for line in text.splitlines() if RESTARTS.match(line)]


def with_line(text: str, line: str) -> str:
    """Return a crontab that holds the line once, where the first such line stood."""
    lines = text.splitlines()
    places = [number for number, each in enumerate(lines) if RESTARTS.match(each)]
    kept = [each for number, each in enumerate(lines) if number not in places]
    if line:
        kept.insert(places[0] if places else len(kept), line)
    return "".join(f"{each}\n" for each in kept)
