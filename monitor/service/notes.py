"""Small records that outlive the process, beside its logs, where alone it may write."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from monitor.ownership import hand_over, make_logs


class Notes:
    """A JSON object in a file of the home's `logs` folder, replaced as a whole.

    It is told of things, never relied on: what cannot be read is empty, and what cannot be
    written is lost with the process.
    """

    def __init__(self, home: Path, name: str) -> None:
        self._path = home / "logs" / f"{name}.json"

    def read(self) -> dict[str, Any]:
        """Return what was written last, an empty object if there is none."""
        with suppress(OSError, ValueError):
            found = json.loads(self._path.read_bytes())
            if isinstance(found, dict):
                return found
        return {}

    def write(self, data: dict[str, Any]) -> None:
        """Replace the file, as far as that can be done."""
        draft = self._path.with_suffix(".new")
        with suppress(OSError):
            make_logs(self._path.parent.parent)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(data, file, ensure_ascii=False)
            hand_over(draft)
            draft.replace(self._path)
