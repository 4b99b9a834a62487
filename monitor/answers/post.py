"""One answer over HTTP, and what can be said for sure of what became of it."""

import http.client
import json
import time
from collections.abc import Mapping
from typing import Literal, NamedTuple
from urllib.parse import SplitResult, urlsplit

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 10.0
BODY_BYTES = 64 << 10

NOT_SENT_STATUSES = (501, 503)
"""Of the server's own faults, those in which it has not begun."""

SURE_WORDS = ("not connected", "not logged in", "parsing jid", "invalid jid")
"""How a bridge says that it never came to send; what else it says may hide a message sent."""


class Sending(NamedTuple):
    """What became of a request.

    `outcome` is sent, not-sent (surely: it may be tried again) or unknown (it may have been
    sent: never again); `words` say why, for the operator.
    """

    outcome: Literal["sent", "not-sent", "unknown"]
    words: str = ""


def post(url: str, payload: Mapping[str, str]) -> Sending:
    """POST `payload` as JSON to `url`, once, without following redirects. Never raises."""
    parts = urlsplit(url)
    connection = _connection(parts)
    try:
        connection.timeout = CONNECT_SECONDS
        connection.connect()
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        connection.close()
        return Sending("not-sent", f"{url}: {_said(error)}")
    try:
        connection.sock.settimeout(ANSWER_SECONDS)
        connection.request(
            "POST",
            parts.path,
            json.dumps(payload).encode(),
            {"Content-Type": "application/json", "Connection": "close"},
        )
        response = connection.getresponse()
        return _judge(url, response.status, _body(response))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Sending("unknown", f"{url}: connected, then {_said(error)}")
    finally:
        connection.close()


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port)


def _body(response: http.client.HTTPResponse) -> bytes:
    """Return the body's beginning; the status counts, however slowly the rest comes."""
    body = b""
    deadline = time.monotonic() + ANSWER_SECONDS
    try:
        while len(body) < BODY_BYTES and time.monotonic() < deadline:
            part = response.read1(4096)
            if not part:
                break
            body += part
    except (OSError, http.client.HTTPException):
        pass
    return body


def _judge(url: str, status: int, body: bytes) -> Sending:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    success = answer.get("success") if isinstance(answer, dict) else None
    said = " ".join(str(answer.get(key, "")) for key in ("message", "error")) if answer else ""
    words = f"{url}: status {status} {said.strip()[:200]}".rstrip()
    if 200 <= status < 300 and success is not False:
        return Sending("sent")
    if 300 <= status < 500 or status in NOT_SENT_STATUSES:
        return Sending("not-sent", words)
    if success is False and any(each in said.lower() for each in SURE_WORDS):
        return Sending("not-sent", words)
    return Sending("unknown", words)


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
