"""How far a bridge file has been settled, and how to tell that it is still that file."""

from collections.abc import Sequence
from typing import NamedTuple

TAIL_LENGTH = 32
"""Rows kept to recognise a place in the file; a redelivery of fewer costs no full re-read."""


class Mark(NamedTuple):
    """One row of the bridge's `messages`, by what identifies it."""

    rowid: int
    message_id: str
    group_jid: str


class Position(NamedTuple):
    """Every row up to `rowid` is settled for every one of `groups`.

    `tail` is the last rows up to there, oldest first, at most TAIL_LENGTH. A rowid
    alone proves nothing: REPLACE gives new ones, VACUUM renumbers, deleted ones are
    given out again and a re-paired bridge starts a new file.
    """

    bridge: str
    rowid: int
    tail: tuple[Mark, ...]
    groups: frozenset[str]


def beginning(bridge: str, groups: frozenset[str]) -> Position:
    """Return the position before the first row: nothing is settled."""
    return Position(bridge, 0, (), groups)


def still_settled(tail: Sequence[Mark], found: Sequence[Mark], rowid: int) -> int:
    """Return the last rowid up to which the file is still what was settled.

    `tail` is what stood there, `found` is what stands now from the tail's first row
    up to `rowid`. Where they part, what comes after is in doubt; where not even the
    first agrees, so is the whole file, and the answer is 0.
    """
    if list(tail) == list(found):
        return rowid
    agreed = 0
    for then, now in zip(tail, found, strict=False):
        if then != now:
            break
        agreed = then.rowid
    return agreed
