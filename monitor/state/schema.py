"""What state.json may hold: the rules of monitor/state.schema.json, applied."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from monitor.schemas import mismatches, pointer

SCHEMA_PATH = Path(__file__).parent.parent / "state.schema.json"
"""The JSON Schema (2020-12) of state.json, for other tools such as check-jsonschema."""

_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class StateFault(NamedTuple):
    """One fault of a state file; `pointer` is a JSON pointer, empty for the whole file."""

    pointer: str
    message: str


class _DuplicateKeys(list[tuple[str, object]]):
    """The pairs of an object that names a key twice: no dict can hold them."""


def check_state(data: bytes) -> tuple[dict[str, str] | None, list[StateFault]]:
    """Return the cursors that `data` holds, and no faults; or None, and at least one fault."""
    try:
        document: object = json.loads(data.decode(), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        return None, [StateFault("", f"expected UTF-8 text, found byte {error.start} is not")]
    except json.JSONDecodeError as error:
        return None, [StateFault("", _not_json(data, error))]
    except (ValueError, RecursionError):
        return None, [StateFault("", "expected JSON, found numbers or nesting beyond reason")]
    if isinstance(document, _DuplicateKeys):
        counts = Counter(key for key, _ in document)
        return None, [
            StateFault(pointer((key,)), "expected each group once, found it more than once")
            for key, count in counts.items()
            if count > 1
        ]
    faults = [
        StateFault(pointer(path), message) for path, message in mismatches(SCHEMA_PATH, document)
    ]
    return (None, faults) if faults or not isinstance(document, dict) else (document, [])


def is_entry(group_jid: str, message_id: str) -> bool:
    """Say whether state.json may hold this cursor: the schema's rule for one entry."""
    return (
        len(group_jid) > len("@g.us")
        and group_jid.endswith("@g.us")
        and 1 <= len(message_id) <= 255
        and not _UNFIT.search(group_jid)
        and not _UNFIT.search(message_id)
    )


def _object(pairs: list[tuple[str, object]]) -> object:
    unique = dict(pairs)
    return unique if len(unique) == len(pairs) else _DuplicateKeys(pairs)


def _not_json(data: bytes, error: json.JSONDecodeError) -> str:
    if not data.strip():
        return "expected JSON, found an empty file"
    if not data.strip(b"\0"):
        return f"expected JSON, found {len(data)} NUL bytes, as a power loss leaves them"
    return f"expected JSON, found at line {error.lineno}, column {error.colno}: {error.msg}"
