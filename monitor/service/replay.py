"""Settling messages again: the dead letters, or a group since a time."""

from collections.abc import Callable
from datetime import datetime

from monitor.bridge.reader import BridgeReader
from monitor.service.audit import readings_since
from monitor.service.intake import Projects, Reading
from monitor.service.settling import settle_readings
from monitor.store.protocol import Store
from monitor.store.records import Settled


def replay_dead_letters(store: Store, instance: str, projects: Projects) -> Settled:
    """Try each dead letter again; one that settles is a dead letter no more.

    A message of a group that is no longer watched stays where it is. Raises StoreUnavailable.
    """
    total = Settled()
    for letter in store.dead_letters():
        message = letter.message
        if message.group_jid not in projects.names:
            continue
        key = frozenset({(message.group_jid, message.id)})
        # By today's settings it may hold nothing: then it is settled by that.
        reading = projects.read(message) or Reading(message, [], [])
        total = total.plus(settle_readings(store, instance, [reading], replayed=key))
    return total


def replay_group(
    reader: BridgeReader,
    store: Store,
    instance: str,
    projects: Projects,
    since: datetime,
    show: Callable[[int, int], None] = lambda done, total: None,
) -> Settled:
    """Settle a group's messages since a time again; the ledger drops what it knows.

    `projects` holds that group alone. Raises BridgeUnavailable and StoreUnavailable.
    """
    total = Settled()
    for batch in readings_since(reader, projects, since, show):
        total = total.plus(settle_readings(store, instance, batch))
    return total
