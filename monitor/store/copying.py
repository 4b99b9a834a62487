"""Rows in the text format of PostgreSQL's COPY, its quickest way in.

https://www.postgresql.org/docs/current/sql-copy.html, "Text Format".
"""

import io
from collections.abc import Iterable, Sequence

from psycopg2 import extensions

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_in(
    cursor: extensions.cursor, table: str, columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    """Add rows of texts, none of them NULL, to a table in one go.

    `table` and `columns` are this program's own words. Raises psycopg2's errors.
    """
    # In one piece: for each further one this thread would have to wait for the interpreter.
    cursor.copy_expert(
        f"COPY {table} ({', '.join(columns)}) FROM STDIN",
        io.BytesIO(copy_text([*rows], len(columns)).encode()),
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


def array(texts: Sequence[str]) -> str:
    """Return texts as the literal of a text array, which the server takes apart quickly."""
    inner = '","'.join(texts)
    if "\\" in inner or inner.count('"') != 2 * inner.count('","'):
        inner = '","'.join(each.replace("\\", "\\\\").replace('"', '\\"') for each in texts)
    return '{"' + inner + '"}'
