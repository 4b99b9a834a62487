"""What can be said for sure of an answer's request, with a receiver that fails in every way."""

import time

import pytest

from monitor.answers import post as post_module
from monitor.answers.post import post
from tests.receivers import MAY_HAVE_SENT, Mode, Receiver, refusing_url

OUTCOMES: dict[Mode, str] = {
    "accept": "sent",
    "silent accept": "sent",
    "trickle": "sent",
    "not connected": "not-sent",
    "unavailable": "not-sent",
    "bad request": "not-sent",
    "redirect": "not-sent",
    "fail": "unknown",
    "timed out": "unknown",
    "hang": "unknown",
    "cut before": "unknown",
    "cut after": "unknown",
}


@pytest.mark.parametrize(("mode", "outcome"), OUTCOMES.items(), ids=OUTCOMES.keys())
def test_the_outcome_of_a_request(
    monkeypatch: pytest.MonkeyPatch, mode: Mode, outcome: str
) -> None:
    monkeypatch.setattr(post_module, "ANSWER_SECONDS", 0.3)
    with Receiver(mode) as receiver:
        before = time.monotonic()
        sending = post(f"{receiver.url}/send-message", {"message": "hello"})
        assert time.monotonic() - before < 2.0
    assert sending.outcome == outcome, sending.words
    if sending.outcome == "not-sent":
        assert mode not in MAY_HAVE_SENT
    if sending.outcome != "sent":
        assert receiver.url in sending.words
    assert [each.path for each in receiver.requests] in ([], ["/send-message"])


@pytest.mark.parametrize(
    "url",
    [
        "http://does-not-exist.invalid:80",
        "https://127.0.0.1:1",
        "http://[::1]:1",
        "http://" + "a" * 300 + ":80",
    ],
)
def test_what_cannot_be_connected_to_is_surely_not_sent(url: str) -> None:
    assert post(f"{url}/api/send", {"message": "hello"}).outcome == "not-sent"


def test_a_port_that_nobody_listens_on_is_surely_not_sent() -> None:
    assert post(f"{refusing_url()}/api/send", {"message": "hello"}).outcome == "not-sent"


def test_no_encryption_where_it_is_expected_is_surely_not_sent() -> None:
    with Receiver() as receiver:
        url = receiver.url.replace("http:", "https:")
        assert post(f"{url}/api/send", {"message": "hello"}).outcome == "not-sent"
    assert receiver.requests == []
