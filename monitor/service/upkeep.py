"""What becomes possible later: waiting submissions, and senders whose number was not known."""

import logging
from collections.abc import Sequence

from monitor.bridge.senders import SenderBook
from monitor.drops.submissions import Submission
from monitor.logs import fields
from monitor.service.intake import BATCH_READINGS, Projects
from monitor.store.faults import BatchRefused, StoreUnfit
from monitor.store.protocol import Store
from monitor.store.records import Batch, Settled

log = logging.getLogger(__name__)


def let_in(store: Store, instance: str, waiting: Sequence[Submission]) -> Settled:
    """Take in refused submissions whose drop has been added to its list; nobody is answered.

    Raises StoreUnavailable.
    """
    total = Settled()
    for first in range(0, len(waiting), BATCH_READINGS):
        batch = Batch(submissions=list(waiting[first : first + BATCH_READINGS]))
        try:
            total = total.plus(store.deliver(instance, batch))
        except BatchRefused as refusal:
            log.error(
                "Waiting submissions not taken in: they go on waiting",
                extra=fields(count=len(batch.submissions), fault=refusal),
            )
    if total.let_in:
        log.info("Waiting submissions taken in", extra=fields(count=total.let_in))
    return total


def find_waiting(store: Store, projects: Projects) -> list[Submission]:
    """Return the refused submissions that can be taken in now; raises StoreUnavailable.

    Lists that cannot be read let nobody in, and are no reason not to go on.
    """
    try:
        return store.lists.waiting(projects.unchecked)
    except StoreUnfit as error:
        log.warning("Waiting submissions go on waiting", extra=fields(fault=error))
        return []


def put_senders_right(store: Store, book: SenderBook) -> int:
    """Put phone numbers in the place of linked-device ids; return how many rows changed.

    Raises StoreUnavailable.
    """
    phones = book.phones(store.senders.all())
    changed = store.senders.rename(phones) if phones else 0
    if changed:
        log.info("Senders put right", extra=fields(senders=len(phones), rows=changed))
    return changed


def keep_up(store: Store, instance: str, projects: Projects, book: SenderBook) -> Settled:
    """Do both. Raises StoreUnavailable."""
    put_senders_right(store, book)
    return let_in(store, instance, find_waiting(store, projects))
