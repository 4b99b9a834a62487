"""A bridge that has stopped is told from one that has nothing to write: by its own history."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from monitor.bridge.silence import Silence, judge_silence
from monitor.bridge.survey import quarter_of

HOUR = 3600.0
TUESDAY = datetime(2025, 11, 11, tzinfo=UTC)
SUNDAY = datetime(2025, 11, 16, tzinfo=UTC)


def history(until: datetime, weeks: int = 5, skip: frozenset[int] = frozenset()) -> Counter[int]:
    """Return messages every ten minutes from 05:00 to 17:00 on working days, few on weekends.

    `skip` are days without any, counted back from `until`.
    """
    found: Counter[int] = Counter()
    for back in range(weeks * 7):
        day = (until - timedelta(days=back)).replace(hour=0, minute=0)
        minutes = 10 if day.weekday() < 5 else 120
        for minute in range(5 * 60, 17 * 60, minutes):
            moment = day + timedelta(minutes=minute)
            if moment <= until and back not in skip:
                found[quarter_of(moment)] += 1
    return found


def judged(
    now: datetime, silent_hours: float, weeks: int = 5, skip: frozenset[int] = frozenset()
) -> Silence:
    newest = now - timedelta(hours=silent_hours)
    return judge_silence(now, newest, history(newest, weeks, skip), HOUR)


def test_three_silent_hours_on_a_working_morning_are_out_of_order() -> None:
    silence = judged(TUESDAY.replace(hour=11), 3)
    assert silence.verdict == "silent"
    assert str(silence) == "bridge silent for 3 h, usual gap 10 min at this hour"


@pytest.mark.parametrize(("hour", "silent"), [(20, 3), (23, 6), (3, 10), (5, 12)])
def test_a_night_is_quiet(hour: int, silent: float) -> None:
    assert judged(TUESDAY.replace(hour=hour), silent).verdict == "quiet"


def test_a_night_that_does_not_end_is_out_of_order_within_the_hour() -> None:
    night = 12.0
    at = [judged(TUESDAY.replace(hour=5, minute=m), night + m / 60).verdict for m in (0, 30, 59)]
    assert at == ["quiet", "quiet", "silent"]


def test_a_sunday_is_compared_with_weekends() -> None:
    assert judged(SUNDAY.replace(hour=11), 3).verdict == "quiet"
    assert judged(SUNDAY.replace(hour=16), 11).verdict == "silent"


def test_a_short_silence_is_none() -> None:
    assert judged(TUESDAY.replace(hour=11), 0.9).verdict == "active"


def test_a_new_bridge_has_no_habits_yet() -> None:
    assert judged(TUESDAY.replace(hour=11), 3, weeks=1).verdict == "unknown"
    assert judge_silence(TUESDAY, None, {}, HOUR) == Silence("unknown", None, None)


def test_one_holiday_among_twenty_days_does_not_make_silence_usual() -> None:
    assert judged(TUESDAY.replace(hour=11), 3, skip=frozenset({5})).verdict == "silent"
    assert judged(TUESDAY.replace(hour=11), 3, skip=frozenset({5, 6, 7})).verdict == "quiet"


def test_a_bridge_that_stopped_long_ago_is_compared_by_a_day() -> None:
    assert judged(TUESDAY.replace(hour=11), 24 * 6).verdict == "silent"
