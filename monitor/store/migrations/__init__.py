"""The stores' tables, as plain SQL in numbered files, each applied once and never edited."""

from importlib.resources import files
from typing import NamedTuple


class Migration(NamedTuple):
    """One step: its number, its name and its statements."""

    version: int
    name: str
    sql: str


def migrations(kind: str) -> list[Migration]:
    """Return the steps for a kind of store (`postgresql` or `sqlite`), in order."""
    folder = files(__name__).joinpath(kind)
    found = []
    for entry in folder.iterdir():
        stem, dot, ending = entry.name.partition(".")
        if dot and ending == "sql":
            found.append(Migration(int(stem.split("_")[0]), stem, entry.read_text("utf-8")))
    return sorted(found)
