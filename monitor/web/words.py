"""Numbers, times and texts as the page says them."""

from datetime import UTC, datetime
from html import escape

from monitor.web.privacy import without_private


def plain(text: str) -> str:
    """Return text as HTML that holds nothing private."""
    return escape(str(without_private(text)))


def time(moment: datetime, form: str) -> str:
    """Return a moment as HTML, in UTC and the form given."""
    utc = moment.astimezone(UTC)
    return f'<time datetime="{utc:%Y-%m-%dT%H:%M:%SZ}">{utc.strftime(form)}</time>'


def ago(now: datetime, then: str) -> str:
    """Return how long before `now` an ISO 8601 time is."""
    seconds = (now - datetime.fromisoformat(then)).total_seconds()
    return f"{span(seconds)} ago"


def span(seconds: float) -> str:
    """Return a length of time in its largest unit of which there are two."""
    for unit, length in (("day", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            number = int(seconds // length)
            return f"{number} {unit}{'s' if unit == 'day' else ''}"
    return f"{max(0, int(seconds))} s"


def plural(number: int, word: str) -> str:
    """Return a word for so many."""
    return word if number == 1 else f"{word}s"
