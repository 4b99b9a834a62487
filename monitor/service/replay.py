"""Settling messages again: the dead letters, or a group since a time."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from monitor.bridge.faults import BridgeUnavailable
from monitor.bridge.message import Message
from monitor.bridge.reader import BridgeReader
from monitor.service.audit import readings_since
from monitor.service.intake import Projects, Reading
from monitor.service.settling import settle_readings
from monitor.store.protocol import Store
from monitor.store.records import Settled, letter_key


def replay_dead_letters(
    reader: BridgeReader,
    store: Store,
    instance: str,
    projects: Projects,
    show: Callable[[int, int], None] = lambda done, total: None,
) -> Settled:
    """Try each dead letter again; one that settles is a dead letter no more.

    The bridge may have been given the message anew since, in a form that can be read: that one
    counts then. A message of a group that is no longer watched stays where it is. `show` is
    told how many are done and how many there are. Raises StoreUnavailable.
    """
    total = Settled()
    letters = store.dead_letters()
    for done, letter in enumerate(letters, 1):
        if letter.message.group_jid in projects.names:
            reading = _read_anew(reader, projects, letter.message)
            key = frozenset({letter_key(letter.message)})
            total = total.plus(settle_readings(store, instance, [reading], replayed=key))
        show(done, len(letters))
    return total


def _read_anew(reader: BridgeReader, projects: Projects, message: Message) -> Reading:
    # By today's settings it may hold nothing: then it is settled by that.
    reading = projects.read(message) or Reading(message, [], [])
    if not reading.error or not message.id:
        return reading
    with suppress(BridgeUnavailable):  # what was set aside is whole without the bridge
        rowid = reader.find(message.group_jid, message.id)
        for present in reader.since(rowid - 1, rowid)[0] if rowid else []:
            return projects.read(present) or reading
    return reading


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
