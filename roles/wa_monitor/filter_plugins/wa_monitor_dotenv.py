"""Filter that writes settings as lines of a .env file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+-]*")


def dotenv(settings: Mapping[str, object]) -> str:
    """Return settings as lines KEY=value, each value quoted if it has to be."""
    lines = []
    for key, value in settings.items():
        text = str(value)
        if not _PLAIN.fullmatch(text):
            escaped = text.replace("\\", "\\\\").replace("'", "\\'")
            text = f"'{escaped}'"
        lines.append(f"{key}={text}\n")
    return "".join(lines)


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {"wa_monitor_dotenv": dotenv}
