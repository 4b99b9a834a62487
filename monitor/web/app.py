"""The web app: which address answers what."""

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from monitor.metrics import registry_of
from monitor.overview import Overview
from monitor.service.attendants import Attendants
from monitor.settings.environment import Environment
from monitor.status import STALE_SECONDS
from monitor.web.page import Page
from monitor.web.privacy import without_private

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PAGE_MAX_AGE = 5.0
READY_MAX_AGE = 1.0
PATIENCE = 8.0
"""A store that cannot be reached takes 5 s to say so."""

STATUS_DAYS = 14
MOST_DAYS = 90
DAY_NUMBERS = frozenset(map(str, range(1, MOST_DAYS + 1)))

HEADERS = [
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]


class Answer(NamedTuple):
    """What is sent back."""

    status: str
    kind: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class App:
    """A WSGI application; it only ever looks."""

    def __init__(self, environment: Environment, attendants: Attendants) -> None:
        self._attendants = attendants
        self._registry = registry_of(environment, attendants)
        self._page = Page(environment.home.name)
        self._routes: dict[str, Callable[[str], Answer]] = {
            "/": self._show,
            "/healthz": self._health,
            "/readyz": self._ready,
            "/metrics": self._metrics,
            "/api/status.json": self._status,
            "/favicon.ico": lambda query: Answer("204 No Content", "image/x-icon", b""),
        }

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request; see PEP 3333."""
        method = environ["REQUEST_METHOD"]
        route = self._routes.get(environ.get("PATH_INFO", ""))
        if route is None:
            answer = _text("404 Not Found", "not found")
        elif method not in ("GET", "HEAD"):
            answer = _text("405 Method Not Allowed", "only GET", ("Allow", "GET, HEAD"))
        else:
            answer = route(environ.get("QUERY_STRING", ""))
        length = ("Content-Length", str(len(answer.body)))
        start_response(
            answer.status, [("Content-Type", answer.kind), length, *HEADERS, *answer.headers]
        )
        return [] if method == "HEAD" else [answer.body]

    def _health(self, query: str) -> Answer:
        idle = self._attendants.tally.idle_seconds
        if idle > STALE_SECONDS:
            return _text("503 Service Unavailable", f"the loop has not turned for {idle:.0f} s")
        return _text("200 OK", "ok")

    def _ready(self, query: str) -> Answer:
        look = self._attendants.looker.look(READY_MAX_AGE, PATIENCE)
        if look is None:
            return _text("503 Service Unavailable", "bridge and store do not answer")
        faults = unready(look.overview)
        if faults:
            return _text("503 Service Unavailable", "\n".join(faults))
        return _text("200 OK", "ready")

    def _metrics(self, query: str) -> Answer:
        return Answer("200 OK", CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self._registry))

    def _status(self, query: str) -> Answer:
        look = self._attendants.looker.look(PAGE_MAX_AGE, PATIENCE) or self._attendants.looker.last
        if look is None:
            return _text("503 Service Unavailable", "nothing has been looked at yet")
        wanted = parse_qs(query, keep_blank_values=True).get("days", [str(STATUS_DAYS)])[-1]
        if wanted not in DAY_NUMBERS:
            return _text("400 Bad Request", f"days: expected a number from 1 to {MOST_DAYS}")
        days = int(wanted)
        data = without_private(look.overview.as_json(days))
        body = json.dumps(data, ensure_ascii=False).encode()
        return Answer("200 OK", "application/json", body)

    def _show(self, query: str) -> Answer:
        look = self._attendants.looker.look(PAGE_MAX_AGE, PATIENCE) or self._attendants.looker.last
        attendants = self._attendants
        html = self._page.render(look, attendants.silence(), attendants.tally.idle_seconds)
        return Answer(
            "200 OK",
            "text/html; charset=utf-8",
            html.encode(),
            (("Content-Security-Policy", self._page.policy),),
        )


def unready(overview: Overview) -> list[str]:
    """Return what keeps the service from being ready, one line each."""
    status = overview.status
    faults = [
        f"{part}: {about['error']}"
        for part in ("service", "bridge", "store", "state")
        if (about := getattr(status, part))["error"]
    ]
    return faults or ([] if status.ready else ["the service is not ready yet"])


def _text(status: str, text: str, *headers: tuple[str, str]) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", f"{text}\n".encode(), headers)
