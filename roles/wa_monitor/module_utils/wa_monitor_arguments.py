"""What the modules that look at several environments are asked about each."""

# Also runs on the target before its Python is known to be new enough: keep to what 3.8 reads.
from __future__ import annotations

from typing import Any


def environments(**options: Any) -> dict[str, Any]:
    """Return the argument `environments`: a list, with each one's name and `options`."""
    return {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {"name": {"type": "str", "required": True}, **options},
    }
