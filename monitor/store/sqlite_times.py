"""Times as the embedded store keeps them."""

from datetime import UTC, datetime


def stamp(moment: datetime) -> str:
    """Return a time as the store keeps it: UTC text of fixed width, which sorts as time does."""
    # Not strftime: it writes the year 1, which Go's zero time has, as one digit.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def moment(text: str) -> datetime:
    """Return the time that `stamp` wrote."""
    return datetime.fromisoformat(text)


def optional_moment(text: str | None) -> datetime | None:
    """Return the time that `stamp` wrote, None where there is none."""
    return moment(text) if text else None
