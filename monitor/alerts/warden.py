"""Watches the service and has people told: what holds, since when, and that it is over."""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event

from monitor.alerts.conditions import Facts, conditions
from monitor.alerts.courier import Courier, as_note, from_note
from monitor.alerts.machine import Alert, Alerts, Message
from monitor.logs import fields
from monitor.service.notes import Notes
from monitor.settings.environment import Environment

EVERY_SECONDS = 5.0
CLEAR_SECONDS = 60.0

log = logging.getLogger(__name__)


class Warden:
    """Steps the alerts every few seconds, and keeps them for the next process.

    A restart in the middle of an alert neither repeats its first message nor loses its last.
    """

    def __init__(self, environment: Environment, facts: Callable[[], Facts]) -> None:
        self._watching = environment.watching
        self._facts = facts
        self._notes = Notes(environment.home, "alerts")
        self._stop = Event()
        self._alerts = Alerts()
        self.courier = Courier(environment.watching.alert_urls, environment.instance, self._keep)
        self._recall()

    @property
    def active(self) -> frozenset[str]:
        """The names of the alerts that are on."""
        return frozenset(self._alerts.active)

    def stop(self) -> None:
        """Watch no more."""
        self._stop.set()
        self.courier.stop()

    def run(self) -> None:
        """Watch until stopped."""
        while not self._stop.wait(EVERY_SECONDS):
            self.step()

    def step(self) -> None:
        """Look once at what holds."""
        facts = self._facts()
        watching = self._watching
        holding = conditions(facts, watching.alert_after, watching.alert_restarts)
        before = self._alerts.active
        self._alerts, messages = self._alerts.step(
            holding, facts.now, min(CLEAR_SECONDS, watching.alert_after)
        )
        for message in messages:
            level = logging.INFO if message.ended else logging.ERROR
            event = "Alert over" if message.ended else "Alert"
            log.log(level, event, extra=fields(name=message.name, text=message.text))
        self.courier.post(messages)
        if messages or self._alerts.active != before:
            self._keep()

    def _keep(self) -> None:
        self._notes.write(
            {
                "active": {
                    name: {"since": alert.since.isoformat(timespec="seconds"), "text": alert.text}
                    for name, alert in self._alerts.active.items()
                },
                "waiting": [as_note(each) for each in self.courier.waiting()],
            }
        )

    def _recall(self) -> None:
        kept = self._notes.read()
        active: dict[str, Alert] = {}
        waiting: list[Message] = []
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            for name, alert in kept.get("active", {}).items():
                since = datetime.fromisoformat(alert["since"]).astimezone(UTC)
                active[str(name)] = Alert(since, str(alert["text"]))
            waiting = [from_note(each) for each in kept.get("waiting", ())]
        self._alerts = Alerts(active)
        self.courier.post(waiting)
