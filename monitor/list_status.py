"""How the lists of valid drops are doing, project by project."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor.service.intake import Projects
from monitor.service.unchecked import Unchecked
from monitor.store.faults import StoreUnavailable
from monitor.store.protocol import Store
from monitor.store.records import Counts


@dataclass(frozen=True)
class ListStatus:
    """The list of valid drops of a project that checks them.

    `drops` is how many it holds, None if it cannot be read, for which `error` has the reason.
    `waiting` submissions were refused and wait for their drop to be in it. While an empty or
    unreadable list refuses nothing, `unchecked` drops have been taken in without a check since
    `unchecked_since`: 0 and None while drops are checked.
    """

    project: str
    drops: int | None
    waiting: int
    unchecked: int
    unchecked_since: str | None
    error: str | None


def look_at_lists(
    store: Store,
    projects: Projects,
    counts: Mapping[str, Counts],
    unchecked: Mapping[str, Unchecked],
    now: datetime,
) -> list[ListStatus]:
    """Look at the lists of the projects that check their drops; `counts` are the store's.

    A list that cannot be read is no fault of the store, which delivers without it; whether the
    store itself has gone shows with the next question to it.
    """
    if not projects.checked_groups:
        return []
    sizes: Mapping[str, int] = {}
    error = None
    try:
        sizes = store.lists.sizes()
    except StoreUnavailable as fault:
        error = str(fault)
    found: list[ListStatus] = []
    for group, name in projects.names.items():
        if group not in projects.checked_groups:
            continue
        drops = None if error else sizes.get(name, 0)
        waiting = counts[group].invalid if group in counts else 0
        record = unchecked.get(group)
        if record is None or not record.holds(drops, now):
            found.append(ListStatus(name, drops, waiting, 0, None, error))
        else:
            found.append(ListStatus(name, drops, waiting, record.drops, record.since, error))
    return found
