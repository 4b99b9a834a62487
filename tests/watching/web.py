"""Asking a service over HTTP, as a browser, Prometheus or a health gate does."""

import http.client
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from tests.delivery.homes import Home
from tests.delivery.waiting import until


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str


class Web:
    """The HTTP of a home's service."""

    def __init__(self, home: Home) -> None:
        settings = dict(
            line.split("=", 1) for line in (home.path / ".env").read_text().splitlines()
        )
        self.port = int(settings["HTTP_PORT"])
        self.url = f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, method: str = "GET") -> Reply:
        """Return the answer to a request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read().decode())
        finally:
            connection.close()

    def status_of(self, path: str) -> int:
        """Return the status code, 0 if nobody answers."""
        with suppress(OSError, http.client.HTTPException):
            return self.ask(path).status
        return 0

    def wait_until_ready(self, seconds: float = 20.0) -> None:
        """Wait until /readyz is content."""
        until(lambda: self.status_of("/readyz") == 200, "/readyz answers 200", seconds)

    def status(self, days: int = 14) -> dict[str, Any]:
        """Return /api/status.json."""
        found: dict[str, Any] = json.loads(self.ask(f"/api/status.json?days={days}").text)
        return found

    def metrics(self) -> dict[str, float]:
        """Return every sample of /metrics, by its name and labels as Prometheus writes them."""
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(self.ask("/metrics").text):
            for sample in family.samples:
                labels = ",".join(f'{key}="{value}"' for key, value in sample.labels.items())
                found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
        return found
