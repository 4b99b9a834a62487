"""Rows in the text format of PostgreSQL's COPY, its quickest way in.

https://www.postgresql.org/docs/current/sql-copy.html, "Text Format".
"""

import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from psycopg2 import extensions

PIECE_ROWS = 256
"""So many rows are held as single texts at a time, which take several times the room."""

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Copy(NamedTuple):
    """Rows for the `columns` of a table, in COPY's format.

    `table` and `columns` are this program's own words.
    """

    table: str
    columns: Sequence[str]
    text: bytes


def copy_of(table: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Copy:
    """Return rows of texts, none of them NULL, ready to be added to a table."""
    left = iter(rows)
    pieces = []
    while piece := [*islice(left, PIECE_ROWS)]:
        # A text that is no UTF-8 is for the server to refuse, as any other bad one.
        pieces.append(copy_text(piece, len(columns)).encode(errors="surrogatepass"))
    return Copy(table, columns, b"\n".join(pieces))


def copy_in(cursor: extensions.cursor, copy: Copy) -> None:
    """Add rows to their table in one go. Raises psycopg2's errors."""
    # In one piece: for each further one this thread would have to wait for the interpreter.
    cursor.copy_expert(
        f"COPY {copy.table} ({', '.join(copy.columns)}) FROM STDIN",
        io.BytesIO(copy.text),
        size=1 << 24,
    )


def copy_text(rows: Sequence[Sequence[str]], columns: int) -> str:
    """Return rows of so many texts each in COPY's format."""
    text = "\n".join(map("\t".join, rows))
    plain = (
        "\\" not in text
        and "\r" not in text
        and text.count("\n") == len(rows) - 1
        and text.count("\t") == len(rows) * (columns - 1)
    )
    if plain:  # hardly any text needs an escape, and to look once is quick
        return text
    return "\n".join("\t".join(each.translate(_ESCAPES) for each in row) for row in rows)


def utc_text(moment: datetime) -> str:
    """Return a time in UTC in ISO 8601.

    `isoformat` takes twice as long, for it works out zone and day afresh each time.
    """
    return f"{_day(moment.toordinal())}T{moment.time().isoformat()}+00:00"


def array(texts: Sequence[str]) -> str:
    """Return texts as the literal of a text array, which the server takes apart quickly."""
    inner = '","'.join(texts)
    if "\\" in inner or inner.count('"') != 2 * inner.count('","'):
        inner = '","'.join(each.replace("\\", "\\\\").replace('"', '\\"') for each in texts)
    return '{"' + inner + '"}'


@lru_cache(maxsize=64)
def _day(number: int) -> str:
    return date.fromordinal(number).isoformat()
