"""Getting a batch into the store, whatever single messages of it the store refuses."""

import logging
from collections.abc import Iterable, Mapping, Sequence

from monitor.answers.compose import Answering
from monitor.bridge.position import Position
from monitor.bridge.reader import Cursor
from monitor.drops.submissions import Submission
from monitor.logs import fields
from monitor.service.intake import Reading
from monitor.store.faults import BatchRefused, StoreUnavailable
from monitor.store.protocol import Store
from monitor.store.records import Batch, DeadLetter, Presumption, Settled, letter_key

log = logging.getLogger(__name__)


def settle_readings(
    store: Store,
    instance: str,
    readings: Sequence[Reading],
    position: Position | None = None,
    cursors: Mapping[str, Cursor] | None = None,
    replayed: frozenset[tuple[str, str]] = frozenset(),
    answering: Answering | None = None,
    presumption: Presumption | None = None,
) -> Settled:
    """Commit readings, and with the last of them the position and cursors.

    A batch that the store refuses is halved until the message at fault stands alone; that one
    is set aside as a dead letter and the rest goes in. Only the live path has `answering`.
    Raises StoreUnavailable.
    """
    try:
        settled = store.deliver(
            instance,
            _batch(readings, position, cursors or {}, replayed, answering, presumption),
        )
        _tell(readings)
        return settled
    except BatchRefused as refusal:
        if not readings:
            raise StoreUnavailable(f"the store refused to move the position: {refusal}") from None
        if len(readings) == 1:
            return _set_aside(store, instance, readings[0], str(refusal), position, cursors or {})
    middle = len(readings) // 2
    first = settle_readings(
        store, instance, readings[:middle], replayed=replayed, answering=answering
    )
    return first.plus(
        settle_readings(store, instance, readings[middle:], position, cursors, replayed, answering)
    )


def submissions_of(readings: Iterable[Reading]) -> list[Submission]:
    """Return all submissions of readings, in order of arrival."""
    return [found for each in readings for found in each.submissions]


def _set_aside(
    store: Store,
    instance: str,
    reading: Reading,
    error: str,
    position: Position | None,
    cursors: Mapping[str, Cursor],
) -> Settled:
    aside = reading._replace(submissions=[], malformed=[], error=error)
    try:
        settled = store.deliver(instance, _batch([aside], position, cursors))
    except BatchRefused as refusal:
        raise StoreUnavailable(
            f"the store refused message {reading.message.id!r} of {reading.message.group_jid} and"
            f" refused to set it aside as well: {refusal}"
        ) from None
    _tell([aside])
    return settled


def _tell(readings: Sequence[Reading]) -> None:
    for message, _, _, error in readings:
        if error:
            log.error(
                "Message set aside as a dead letter: `wa-monitor replay` tries it again",
                extra=fields(group=message.group_jid, message=message.id, error=error),
            )


def _batch(
    readings: Sequence[Reading],
    position: Position | None,
    cursors: Mapping[str, Cursor],
    replayed: frozenset[tuple[str, str]] = frozenset(),
    answering: Answering | None = None,
    presumption: Presumption | None = None,
) -> Batch:
    if replayed:
        replayed &= {letter_key(each.message) for each in readings if not each.error}
    return Batch(
        submissions=submissions_of(readings),
        malformed=[found for each in readings for found in each.malformed],
        dead_letters=[DeadLetter(each.message, each.error) for each in readings if each.error],
        cursors=cursors,
        position=position,
        replayed=replayed,
        answering=answering,
        presumption=presumption,
    )
