"""The bridge's timestamps, in every form that is seen, as moments in UTC."""

import re
from datetime import UTC, datetime, timedelta, timezone

_CALENDAR = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?"
    r" ?(?:[Zz]|([+-])(\d\d):?(\d\d)(?::?(\d\d))?)?"
    # Go repeats the zone by name, or by offset where it has no name, and may add
    # the reading of its monotonic clock: none of these changes the moment.
    r"(?: (?:[A-Za-z]{1,6}|[+-]\d{2,4}))?"
    r"(?: m=[+-]\d+(?:\.\d+)?)?",
    re.ASCII,
)
# What nearly every message has; the standard library reads it many times faster.
_USUAL = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[+-]\d\d:[0-5]\d", re.ASCII)
_UNIX = re.compile(r"(-?)(\d+)(?:\.(\d+))?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# As seconds this is the year 5138, as milliseconds March 1973: before any chat.
_MILLISECONDS_FROM = 100_000_000_000


def parse_timestamp(text: str) -> datetime:
    """Return the moment that `text` names, in UTC, cut off at the microsecond.

    A time without an offset is in UTC; a number is Unix seconds, or milliseconds
    if it is above 1e11. Raises ValueError, naming the text, if it is neither.
    """
    if _USUAL.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"no such moment: {_quoted(text)} ({error})") from None
    stripped = text.strip()
    try:
        if found := _CALENDAR.fullmatch(stripped):
            return _from_calendar(found)
        if found := _UNIX.fullmatch(stripped):
            return _from_unix(found)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"no such moment: {_quoted(text)} ({error})") from None
    raise ValueError(f"not a timestamp: {_quoted(text)}")


def _from_calendar(found: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second, fraction, sign, *offset = found.groups()
    local = datetime(
        int(year),
        int(month),
        int(day),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        _microseconds(fraction),
        UTC,
    )
    if sign is None:
        return local
    hours, minutes, seconds = (int(part or 0) for part in offset)
    if minutes > 59 or seconds > 59:
        raise ValueError("an offset has at most 59 minutes and 59 seconds")
    ahead = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return local.replace(tzinfo=timezone(-ahead if sign == "-" else ahead)).astimezone(UTC)


def _from_unix(found: re.Match[str]) -> datetime:
    sign, whole, fraction = found.groups()
    number = int(whole)
    if number > _MILLISECONDS_FROM:
        since = timedelta(milliseconds=number, microseconds=_microseconds(fraction) // 1000)
    else:
        since = timedelta(seconds=number, microseconds=_microseconds(fraction))
    return _EPOCH - since if sign else _EPOCH + since


def _microseconds(fraction: str | None) -> int:
    return int(fraction[:6].ljust(6, "0")) if fraction else 0


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")
