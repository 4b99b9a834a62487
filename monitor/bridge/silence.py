"""Whether a bridge that writes nothing has stopped, or whether it is just a quiet night."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from monitor.bridge.survey import QUARTER, quarter_of

HISTORY_DAYS = 28
FEWEST_DAYS = 5
"""With fewer days like today to compare with, nothing can be said."""

FEWEST_MESSAGES = 5
"""So many messages at this time on other days are more than a chance one or two."""

QUIET_SHARE = 0.05
"""Of the days like today, this many may have been as quiet: a holiday, an outage."""

_DAY = 24 * 4
_SATURDAY = 5


class Silence(NamedTuple):
    """How long a bridge has written nothing, and what to make of it.

    `verdict`: `active` for a silence below the least that counts, `quiet` for one that other
    days have seen as well, `silent` for one that they have not, `unknown` without enough days
    to compare with. `usual_gap_seconds` is between two messages at this hour on other days,
    None if there were none.
    """

    verdict: Literal["active", "quiet", "silent", "unknown"]
    silent_seconds: float | None
    usual_gap_seconds: float | None

    def __str__(self) -> str:
        """Say it as an operator would."""
        if self.silent_seconds is None:
            return "no message yet"
        usual = self.usual_gap_seconds
        gap = f"usual gap {_span(usual)} at this hour" if usual else "usually no messages now"
        return f"bridge silent for {_span(self.silent_seconds)}, {gap}"


def judge_silence(
    now: datetime, newest: datetime | None, quarters: Mapping[int, int], least_seconds: float
) -> Silence:
    """Judge a silence that began with the message of `newest`, by the bridge's own history.

    The silence is laid over the same hours of earlier days of the same kind, working days or
    weekends: where nearly all of them had messages within it, it is out of the ordinary. A
    quiet night is not, for other nights are as quiet. `quarters` are Survey's.
    """
    earliest = min(quarters, default=quarter_of(now))
    latest = quarter_of(newest or now)
    # Whole days that the bridge was there for; those of the silence itself prove nothing.
    days = [
        back
        for back in _days_like(now)
        if earliest <= quarter_of(now) - (back + 1) * _DAY
        and quarter_of(now) - back * _DAY <= latest
    ]
    usual = _usual_gap(now, days, quarters)
    if newest is None:
        return Silence("unknown", None, usual)
    silent = max(0.0, (now - newest).total_seconds())
    if silent < least_seconds:
        return Silence("active", silent, usual)
    if len(days) < FEWEST_DAYS:
        return Silence("unknown", silent, usual)
    # Only quarters that are silent as a whole.
    first, last = quarter_of(newest) + 1, quarter_of(now)
    as_quiet = sum(_messages(quarters, first, last, back) < FEWEST_MESSAGES for back in days)
    out_of_order = as_quiet <= QUIET_SHARE * len(days)
    return Silence("silent" if out_of_order else "quiet", silent, usual)


def recent(quarters: Mapping[int, int]) -> Counter[int]:
    """Return those quarters that a judgement of today or tomorrow can need."""
    earliest = quarter_of(datetime.now(UTC)) - (HISTORY_DAYS + 2) * _DAY
    return Counter({each: number for each, number in quarters.items() if each >= earliest})


def _days_like(now: datetime) -> list[int]:
    weekend = now.astimezone(UTC).weekday() >= _SATURDAY
    return [
        back
        for back in range(1, HISTORY_DAYS + 1)
        if ((now - timedelta(days=back)).astimezone(UTC).weekday() >= _SATURDAY) == weekend
    ]


def _messages(quarters: Mapping[int, int], first: int, last: int, back: int) -> int:
    # A silence of weeks is compared by its last day.
    start = max(first, last - _DAY + 1) - back * _DAY
    return sum(quarters.get(each, 0) for each in range(start, last - back * _DAY))


def _usual_gap(now: datetime, days: list[int], quarters: Mapping[int, int]) -> float | None:
    middle = quarter_of(now)
    total = sum(
        quarters.get(each - back * _DAY, 0)
        for back in days
        for each in range(middle - 2, middle + 2)
    )
    return len(days) * 4 * QUARTER.total_seconds() / total if total else None


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days"
