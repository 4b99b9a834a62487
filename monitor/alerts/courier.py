"""Brings messages to people, through a process of its own, as often as it takes."""

import json
import logging
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Condition
from typing import Any

from monitor.alerts.machine import Message
from monitor.logs import fields

SEND_SECONDS = 60.0
"""How long a channel may take."""

RETRY_SECONDS = (5.0, 30.0, 120.0, 600.0)
"""Pauses after failures; the last one again and again."""

KEPT = 50
"""More messages than these waiting, and the oldest are given up."""

SECRETS = ("DATABASE_URL", "NEON_DATABASE_URL", "ALERT_URLS")

log = logging.getLogger(__name__)


class Courier:
    """Sends messages in order, each until the channels have taken it.

    One thread runs `run`. `changed` is called whenever the messages that wait have changed, so
    that they can be kept for the next process.
    """

    def __init__(self, urls: Sequence[str], instance: str, changed: Callable[[], None]) -> None:
        self._urls = list(urls)
        self._instance = instance
        self._changed = changed
        self._waiting: deque[Message] = deque(maxlen=KEPT)
        self._condition = Condition()
        self._stopping = False
        self.sent = 0
        self.failures = 0

    def post(self, messages: Sequence[Message]) -> None:
        """Take over messages to be sent; without channels there is nothing to do."""
        if self._urls and messages:
            with self._condition:
                self._waiting.extend(messages)
                self._condition.notify_all()

    def stop(self) -> None:
        """Send no more; what waits is kept by those that `changed` told."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()

    def waiting(self) -> list[Message]:
        """Return the messages that have not been taken yet, oldest first."""
        with self._condition:
            return list(self._waiting)

    def run(self) -> None:
        """Send until stopped."""
        tries = 0
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._waiting or self._stopping)
                if tries and not self._stopping:
                    pause = RETRY_SECONDS[min(tries, len(RETRY_SECONDS)) - 1]
                    self._condition.wait_for(lambda: self._stopping, pause)
                if self._stopping:
                    return
                message = self._waiting[0]
            fault = self._send(message)
            if fault:
                tries += 1
                self.failures += 1
                log.warning("Alert not sent: trying again", extra=fields(fault=fault))
                continue
            tries = 0
            self.sent += 1
            with self._condition:
                if self._waiting and self._waiting[0] == message:
                    self._waiting.popleft()
            self._changed()

    def _send(self, message: Message) -> str:
        """Send one message; return what went wrong, empty if nothing did."""
        state = "over" if message.ended else "alert"
        text = {
            "urls": self._urls,
            "title": f"wa-monitor {self._instance}: {message.name.replace('_', ' ')} {state}",
            "body": f"{message.text}\n{message.at:%Y-%m-%d %H:%M:%S} UTC",
            "kind": "success" if message.ended else "failure",
        }
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-m", "monitor.alerts.send"],
                input=json.dumps(text),
                text=True,
                capture_output=True,
                check=False,
                timeout=SEND_SECONDS,
                env={key: value for key, value in os.environ.items() if key not in SECRETS},
            )
        except (OSError, subprocess.SubprocessError) as error:
            return type(error).__name__
        if not done.returncode:
            return ""
        return _without(self._urls, done.stderr.strip()[-500:]) or f"exit code {done.returncode}"


def as_note(message: Message) -> dict[str, Any]:
    """Return a message as plain data for JSON."""
    return {**message._asdict(), "at": message.at.isoformat()}


def from_note(note: dict[str, Any]) -> Message:
    """Return the message that `as_note` wrote; raises ValueError, KeyError or TypeError."""
    at = datetime.fromisoformat(note["at"])
    return Message(str(note["name"]), bool(note["ended"]), str(note["text"]), at)


def _without(urls: Sequence[str], text: str) -> str:
    """Return text without any part of a URL that could be a secret."""
    for url in urls:
        for part in [url, *url.replace("/", " ").replace("@", " ").replace(":", " ").split()]:
            if len(part) > 5:
                text = text.replace(part, "***")
    return text
