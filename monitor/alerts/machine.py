"""One message when a condition begins, one when it ends, none in between: pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from monitor.alerts.conditions import Condition


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition that has begun and not ended: since when, and how it was put at its start.

    `clear_since` is when it was first seen gone, None while it holds.
    """

    since: datetime
    text: str
    clear_since: datetime | None = None


class Message(NamedTuple):
    """What people are to be told: that `name` began, or that it `ended`."""

    name: str
    ended: bool
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Alerts:
    """The alerts that are on, and the conditions that have to last before they are."""

    active: Mapping[str, Alert] = field(default_factory=dict)
    pending: Mapping[str, datetime] = field(default_factory=dict)

    def step(
        self, holding: Mapping[str, Condition | None], now: datetime, clear_seconds: float
    ) -> tuple["Alerts", list[Message]]:
        """Return the alerts after a look at which conditions hold, and what to tell.

        One that cannot be told, None, neither begins nor ends. One that has gone for less than
        `clear_seconds` may be back in a moment, and has not ended.
        """
        active = dict(self.active)
        pending: dict[str, datetime] = {}
        messages: list[Message] = []
        for name, condition in holding.items():
            if condition is None or name in active:
                continue
            since = self.pending.get(name, now)
            if (now - since).total_seconds() < condition.after:
                pending[name] = since
                continue
            active[name] = Alert(since, condition.text)
            messages.append(Message(name, False, condition.text, now))
        for name, alert in self.active.items():
            if name in holding:
                active[name] = replace(alert, clear_since=None)
            elif alert.clear_since is None:
                active[name] = replace(alert, clear_since=now)
            elif (now - alert.clear_since).total_seconds() >= clear_seconds:
                del active[name]
                lasted = (alert.clear_since - alert.since).total_seconds()
                text = f"over after {lasted / 60:.0f} min: {alert.text}"
                messages.append(Message(name, True, text, now))
        return Alerts(active, pending), messages
