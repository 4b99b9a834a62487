"""Takes answers from the outbox to WhatsApp, beside the loop that captures drops."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from monitor.answers.compose import Answer
from monitor.answers.post import Sending, post
from monitor.logs import fields
from monitor.service.backoff import Backoff
from monitor.settings.answering import Answering
from monitor.store.faults import BatchRefused, StoreUnavailable
from monitor.store.outbox import Claimed, Result
from monitor.store.protocol import Store

IDLE_SECONDS = 600.0
"""How seldom an empty outbox is looked into: a store may sleep, and queueing wakes this."""

FULL_SECONDS = 1.0
"""How long a group whose rate is used up is left alone before it is asked for again."""

RETRY_SECONDS = (5.0, 60.0)
"""First and longest wait after a sending that surely failed."""

log = logging.getLogger(__name__)


class Courier:
    """Sends what the outbox of `store` holds; the store is this one's own, for its thread.

    An answer is marked in the store before anything leaves this host, so that whatever ends
    this process, it is never sent again unless it surely was not sent. `on_trouble` is called
    when one was not sent, or may not have been.
    """

    def __init__(
        self,
        store: Store,
        instance: str,
        answering: Answering,
        on_trouble: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._instance = instance
        self._answering = answering
        self._on_trouble = on_trouble
        self._unrecorded: tuple[Claimed, Result] | None = None
        self._backoff = Backoff()
        self._fault = ""
        self._stopping = False
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        """Begin sending, or waiting until that is wanted."""
        if self._answering.mode != "off":
            log.info("Answers are on", extra=fields(mode=self._answering.mode))
        self._thread.start()

    def use(self, answering: Answering) -> None:
        """Send like this from now on; what another thread has not begun to send obeys as well."""
        self._answering = answering
        self.wake()

    def wake(self) -> None:
        """Look into the outbox now."""
        self._woken.set()

    def stop(self, seconds: float = 0.3) -> None:
        """End after the answer at hand; one that takes longer than this ends as unknown."""
        self._stopping = True
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def turn(self, now: datetime) -> float | None:
        """Send one answer, if one is due; return the seconds until the next turn.

        None is for no turn until woken: nothing is sent. Raises StoreUnavailable; what then has
        been sent is recorded in a later turn.
        """
        self._record(now)
        if self._answering.mode == "off":
            self._store.close()
            return None
        claim = self._store.outbox.claim(self._instance, now)
        if claim.claimed is None:
            if claim.due_at is None:
                return IDLE_SECONDS
            return min(IDLE_SECONDS, max(FULL_SECONDS, (claim.due_at - now).total_seconds()))
        self._unrecorded = (claim.claimed, self._send(claim.claimed, now))
        self._record(now)
        return 0.0

    def _run(self) -> None:
        while not self._stopping:
            self._woken.clear()
            pause: float | None
            try:
                pause = self.turn(datetime.now(UTC))
                self._backoff.succeeded()
                self._fault = ""
            except (StoreUnavailable, BatchRefused) as error:
                pause = self._backoff.failed()
                if str(error) != self._fault:
                    self._fault = str(error)
                    log.error("Answers wait for the store", extra=fields(fault=error))
            self._woken.wait(pause)
        self._store.close()

    def _record(self, now: datetime) -> None:
        if self._unrecorded is not None:
            claimed, result = self._unrecorded
            self._store.outbox.finish(self._instance, claimed, result, now)
            self._unrecorded = None
            if result.error:
                self._on_trouble()

    def _send(self, claimed: Claimed, now: datetime) -> Result:
        answer = claimed.answer
        about = {"group": answer.group_jid, "message": answer.message_id, "kind": answer.kind}
        faults: list[str] = []
        for via, send in self._ways(answer):
            # Asked each time: the kill switch may have been used since.
            if self._answering.mode == "off":
                return Result("queued", "; ".join(faults), retry_at=now)
            if self._answering.mode == "dry-run":
                log.info("Answer would be sent: this is a dry-run", extra=fields(**about))
                return Result("rehearsed")
            sending = send()
            if sending.outcome == "sent":
                log.info("Answer sent", extra=fields(**about, via=via))
                return Result("sent", via=via)
            faults.append(sending.words)
            if sending.outcome == "unknown":
                log.error(
                    "Answer may have been sent: it is not sent again",
                    extra=fields(**about, fault=sending.words),
                )
                return Result("unknown", sending.words, via)
        retry_at = now + timedelta(seconds=_wait(claimed.attempts))
        log.warning(
            "Answer not sent: it is tried again until it expires",
            extra=fields(**about, fault="; ".join(faults), expires_at=answer.expires_at),
        )
        return Result("queued", "; ".join(faults), retry_at=retry_at)

    def _ways(self, answer: Answer) -> tuple[tuple[str, Callable[[], Sending]], ...]:
        """Return the services to be tried, in this order."""
        by_sender = {
            "group_jid": answer.group_jid,
            "recipient_jid": answer.recipient_jid,
            "message": answer.text,
        }
        by_bridge = {"recipient": answer.group_jid, "message": answer.text}
        sender, bridge = self._answering.sender_url, self._answering.bridge_url
        return (
            ("sender", lambda: post(f"{sender}/send-message", by_sender)),
            ("bridge", lambda: post(f"{bridge}/api/send", by_bridge)),
        )


def _wait(attempts: int) -> float:
    first, longest = RETRY_SECONDS
    return min(longest, first * 2.0 ** min(attempts - 1, 16))
