"""Whether a document is as its JSON Schema says, and if not, in words, where not.

The schemas of this package say in each `description` what is expected there, as the
words that follow "expected"; `writeOnly` marks a secret, whose value is never shown.
"""

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_SHOWN_LIMIT = 60


class Mismatch(NamedTuple):
    """One difference between a document and its schema; `path` leads to the place."""

    path: tuple[str | int, ...]
    message: str


def mismatches(schema_path: Path, document: object) -> list[Mismatch]:
    """Return where `document` is not as the schema in `schema_path` says, in its order."""
    # Only here, because it costs 50 ms, which `import monitor` should not.
    from jsonschema import Draft202012Validator  # noqa: PLC0415 -- see above

    schema = json.loads(schema_path.read_bytes())
    found = (
        mismatch
        for error in Draft202012Validator(schema).iter_errors(document)
        for mismatch in _explained(error)
    )
    # A value that fails twice, by type and by length say, is told of once.
    return list(dict.fromkeys(found))


def pointer(path: tuple[str | int, ...]) -> str:
    """Return the JSON pointer for `path`; the whole document's is empty."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def shown(value: object) -> str:
    """Return a short description of a value that was found, on one line."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list():
            return "a list"
    text = ascii(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN_LIMIT else text[:_SHOWN_LIMIT] + "…"


def _explained(error: "ValidationError") -> Iterator[Mismatch]:
    path = tuple(error.absolute_path)
    if "propertyNames" in error.absolute_schema_path:
        path = (*path, str(error.instance))
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    instance: Any = error.instance
    known: Mapping[str, Any] = schema.get("properties", {})
    expected = schema.get("description", "something else")
    if error.validator == "required":
        for key in schema["required"]:
            if key not in instance:
                wanted = known.get(key, {}).get("description", "a value")
                yield Mismatch((*path, key), f"expected {wanted}, found nothing")
    elif error.validator == "additionalProperties":
        for key in instance:
            if key not in known:
                yield Mismatch((*path, key), _unknown(str(key), list(known)))
    elif schema.get("writeOnly"):
        yield Mismatch(path, f"expected {expected}; what was found is a secret, not shown")
    else:
        yield Mismatch(path, f"expected {expected}, found {shown(instance)}")


def _unknown(key: str, known: list[str]) -> str:
    close = get_close_matches(key, known, 1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"expected one of the keys {', '.join(known)}, found {shown(key)}{hint}"
