"""A file with a list of valid drops, read line by line."""

import csv
import re
from collections.abc import Callable, Iterator
from typing import IO, NamedTuple

LINE_BYTES = 4096
"""What is longer is no line of such a list, and is not kept in memory."""

_HEADINGS = ("drop_number", "drop number", "drop", "dr_number", "dr number", "dr")
_DROP = re.compile(r"DR[0-9]{6,8}", re.ASCII)
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LONGEST = 100
_SHOWN = 40


class Listed(NamedTuple):
    """A line's drop, or why it has none; a line is one or the other. Lines count from 1."""

    line: int
    drop: str = ""
    refusal: str = ""


def read_list(
    file: IO[bytes], *, usual: bool, show: Callable[[int], None] = lambda done: None
) -> Iterator[Listed]:
    """Yield what the lines of a CSV hold; blank ones and a heading are passed over.

    The drop is in the column that the heading calls `drop_number`, else in the first. With
    `usual` it must be DR and six to eight digits; otherwise it is taken as it stands, in upper
    case and without spaces. `show` is told how many bytes are done.
    """
    column, delimiter = 0, ","
    first = True
    done = 0
    for number, raw in _lines(file):
        done += len(raw)
        show(done)
        if len(raw) > LINE_BYTES:
            yield Listed(number, refusal=f"the line is longer than {LINE_BYTES} bytes")
            continue
        try:
            text = raw.decode("utf-8-sig" if first else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            yield Listed(number, refusal=f"byte {error.start + 1} is not UTF-8")
            continue
        if not text.strip():
            continue
        if first:
            delimiter = max(",;\t", key=text.count)
        try:
            cells = next(csv.reader([text], delimiter=delimiter, strict=True))
        except (csv.Error, StopIteration) as error:
            yield Listed(number, refusal=f"not a line of a CSV file: {error}")
            continue
        headings = [cell.strip().casefold() for cell in cells]
        known = [each for each in _HEADINGS if each in headings]
        if first and known:
            column = headings.index(known[0])
            first = False
            continue
        first = False
        yield _listed(number, cells[column] if column < len(cells) else "", usual=usual)


def _listed(number: int, cell: str, *, usual: bool) -> Listed:
    drop = "".join(cell.split()).upper()
    if not drop:
        return Listed(number, refusal="expected a drop, found nothing in its column")
    if usual and not _DROP.fullmatch(drop):
        return Listed(number, refusal=f"expected DR and 6 to 8 digits, found {cell[:_SHOWN]!a}")
    if len(drop) > _LONGEST or _UNFIT.search(drop):
        return Listed(number, refusal=f"no drop is written like {cell[:_SHOWN]!a}")
    return Listed(number, drop)


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield each line with its number; of one that is too long, its beginning."""
    number = 0
    while raw := file.readline(LINE_BYTES + 1):
        number += 1
        rest = raw
        while len(rest) > LINE_BYTES and not rest.endswith(b"\n"):
            rest = file.readline(LINE_BYTES + 1)
        yield number, raw
