"""The outbox: answers on their way, kept by the store so that none is sent twice."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol

from monitor.answers.compose import Answer

RATE_WINDOW = timedelta(minutes=1)
STUCK_AFTER = timedelta(minutes=2)
"""Longer than any sender tries: what is being sent for so long has lost its sender."""

LOST_SENDER = "the monitor that was sending it ended or stood still; it may have been sent"

State = Literal["queued", "sending", "sent", "rehearsed", "unknown", "expired"]


class Claimed(NamedTuple):
    """An answer that this instance alone may send now; `attempts` counts this one."""

    answer: Answer
    attempts: int


class Claim(NamedTuple):
    """What the outbox has for a sender: an answer, or when to ask again (None: not soon)."""

    claimed: Claimed | None
    due_at: datetime | None


class Result(NamedTuple):
    """What became of an attempt.

    `state` queued means that it was surely not sent and is tried again at `retry_at`; `via` is
    the service that took it.
    """

    state: State
    error: str = ""
    via: str = ""
    retry_at: datetime | None = None


class Posted(NamedTuple):
    """An answer as it stands in the outbox."""

    answer: Answer
    state: State
    attempts: int
    queued_at: datetime
    finished_at: datetime | None
    error: str


Standing = Literal[
    "queued", "retrying", "sending", "sent", "rehearsed", "unknown", "failed", "expired"
]
"""How answers are counted: as their state says, but `retrying` are queued again after a try that
surely failed, and `failed` are those of the expired that were tried in vain."""

RECENT = timedelta(hours=1)
"""For how long the end of an answer is recent."""

COUNTS = """
SELECT project, standing, count(*), count(*) FILTER (WHERE finished_at > {since})
FROM (SELECT project, finished_at, CASE
          WHEN state = 'queued' AND error <> '' THEN 'retrying'
          WHEN state = 'expired' AND error <> '' THEN 'failed'
          ELSE state END AS standing
      FROM wa_monitor_answers) AS each_one
GROUP BY project, standing ORDER BY project, standing
"""
"""Asks either store for the counts, with its own placeholder."""


class AnswerCount(NamedTuple):
    """How many answers of a project stand in one way; `recent` of them came to that lately."""

    project: str
    standing: Standing
    number: int
    recent: int


class Outbox(Protocol):
    """The answers of all monitors on the store. Every method raises StoreUnavailable."""

    def claim(self, instance: str, now: datetime) -> Claim:
        """Mark the next answer that is due as being sent, by nobody else, and return it.

        When this returns, the mark is on the disk. An answer that has expired is put away; so
        is one whose sender has been at it for STUCK_AFTER: nobody knows whether it was sent.
        """

    def finish(self, instance: str, claimed: Claimed, result: Result, now: datetime) -> None:
        """Record what became of an attempt of this instance."""

    def counts(self, now: datetime) -> list[AnswerCount]:
        """Count the answers by project and standing; recent is what ended in RECENT before `now`.

        What there are none of is missing.
        """

    def latest(self, limit: int) -> list[Posted]:
        """Return the newest answers, newest first."""

    def hold(self, instance: str, rowid: int) -> None:
        """Keep an instance from answering messages up to a row of its bridge."""

    def held(self, instance: str) -> int:
        """Return the row up to which an instance answers nothing, 0 if there is none."""
