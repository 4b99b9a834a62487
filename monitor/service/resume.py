"""Where to go on from: the earlier of what the store and the state file say."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from monitor.bridge.position import Mark, Position, beginning
from monitor.bridge.reader import Cursor
from monitor.store.records import Progress


class Resume(NamedTuple):
    """A place to go on from.

    `floors` has, for groups that were further than `position`, the rowid up to which they are
    settled, and `witness` shows that they still are, by standing; `cursors` are those that the
    state file alone knew; `reasons` say, for the log, why reading goes back, one entry for each
    group that makes it.
    """

    position: Position
    floors: Mapping[str, int]
    witness: Position
    cursors: Mapping[str, Cursor]
    reasons: tuple[str, ...]


def resume(
    bridge: str,
    groups: frozenset[str],
    state: Mapping[str, str],
    progress: Progress,
    adopted: bool,
    find: Callable[[str, str], int | None],
) -> Resume:
    """Reconcile the state file's cursors with the store's progress.

    `find` gives the rowid of a group's message in the bridge. Ids are compared for being the
    same, never by order: they are random. A store without progress is taken at the state
    file's word only if it was `adopted` from another system; otherwise it has been lost or
    replaced, and everything is read again. The store's position must have been verified.
    """
    stored = progress.position
    rowids: dict[str, int] = {}
    marks: dict[int, Mark] = {}
    known: dict[str, Cursor] = {}
    reasons: list[str] = []
    for group in sorted(groups):
        cursor = progress.cursors.get(group)
        named = state.get(group)
        covered = stored is not None and group in stored.groups
        rowid = stored.rowid if stored is not None and covered else 0
        rowids[group] = rowid
        if stored is not None and not covered:
            reasons.append(f"{group} is watched anew")
            continue
        if named is None or (cursor is not None and cursor.message_id == named):
            continue
        if stored is None and not adopted:
            reasons.append(f"the store has no position, state.json names {named} for {group}")
            continue
        found = find(group, named)
        if found is None:
            rowids[group] = 0
            reasons.append(f"state.json names {named} for {group}, which the bridge does not hold")
            continue
        marks[found] = Mark(found, named, group)
        if stored is None:
            rowids[group] = found
            known[group] = Cursor(named, found, None)
        elif found < rowid:
            rowids[group] = found
            reasons.append(f"state.json is older than the store for {group}")
    lowest = min(rowids.values(), default=0)
    if stored is not None and lowest == stored.rowid:
        position = stored._replace(groups=groups)
    elif lowest in marks:
        position = Position(bridge, lowest, (marks[lowest],), groups)
    else:
        position = beginning(bridge, groups)
    floors = {group: rowid for group, rowid in rowids.items() if rowid > position.rowid}
    highest = max(floors.values(), default=0)
    witness = stored or _at(marks.get(highest), position)
    return Resume(position, floors, witness, known, tuple(reasons))


def _at(mark: Mark | None, otherwise: Position) -> Position:
    if mark is None:
        return otherwise
    return otherwise._replace(rowid=mark.rowid, tail=(mark,))
