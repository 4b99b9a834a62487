"""Every form in which bridges write a time is read, as one moment in UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.bridge.timestamps import parse_timestamp


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-11-10 04:47:03+00:00", "2025-11-10T04:47:03+00:00"),
        ("2025-11-10T04:47:03Z", "2025-11-10T04:47:03+00:00"),
        ("2025-11-10 06:47:03+02:00", "2025-11-10T04:47:03+00:00"),
        ("2025-11-10 06:47:03+0200", "2025-11-10T04:47:03+00:00"),
        ("2025-11-09 23:17:03-05:30", "2025-11-10T04:47:03+00:00"),
        ("2025-11-10 04:47:03", "2025-11-10T04:47:03+00:00"),
        ("2025-11-10 04:47:03.5+00:00", "2025-11-10T04:47:03.500000+00:00"),
        ("2025-11-10 04:47:03.123456789+00:00", "2025-11-10T04:47:03.123456+00:00"),
        ("2025-07-01 10:00:00 +0200 CEST", "2025-07-01T08:00:00+00:00"),
        ("2025-07-01 10:00:00 +0000 UTC", "2025-07-01T10:00:00+00:00"),
        ("2025-07-01 10:00:00 -0300 -03", "2025-07-01T13:00:00+00:00"),
        ("2025-07-01 10:00:00.123456789 +0200 SAST m=+0.1", "2025-07-01T08:00:00.123456+00:00"),
        ("0001-01-01 00:00:00+00:00", "0001-01-01T00:00:00+00:00"),
        ("2025-11-10", "2025-11-10T00:00:00+00:00"),
        ("  2025-11-10 04:47:03+00:00\n", "2025-11-10T04:47:03+00:00"),
        ("1762750023", "2025-11-10T04:47:03+00:00"),
        ("1762750023.25", "2025-11-10T04:47:03.250000+00:00"),
        ("1762750023250", "2025-11-10T04:47:03.250000+00:00"),
        ("1762750023250.5", "2025-11-10T04:47:03.250500+00:00"),
        ("0", "1970-01-01T00:00:00+00:00"),
        ("-1.5", "1969-12-31T23:59:58.500000+00:00"),
    ],
)
def test_known_forms(text: str, moment: str) -> None:
    parsed = parse_timestamp(text)
    assert parsed.isoformat() == moment
    assert parsed.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2025-13-01 00:00:00",
        "2025-02-30 00:00:00+00:00",
        "2025-11-10 25:00:00",
        "2025-11-10 04:47:03+99:00",
        "2025-11-10 04:47:03+02:60",
        "0001-01-01 00:00:00+02:00",
        "9999-12-31 23:59:59-02:00",
        "2025-11-10 04:47:03 and more",
        "٢٠٢٥-11-10 04:47:03",
        "99999999999999999999",
        "nan",
        "1e9",
        "\0",
    ],
)
def test_what_is_no_moment_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"timestamp|moment") as refusal:
        parse_timestamp(text)
    assert repr(text) in str(refusal.value)


def test_a_long_text_is_not_repeated_whole() -> None:
    with pytest.raises(ValueError, match="not a timestamp") as refusal:
        parse_timestamp("x" * 100_000)
    assert len(str(refusal.value)) < 120


MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29))
OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timedelta(minutes=minutes))


@given(MOMENTS, OFFSETS, st.sampled_from(["+HH:MM", "+HHMM", "go"]), st.sampled_from(" T"))
def test_what_is_written_in_any_zone_is_the_same_moment(
    moment: datetime, offset: timedelta, form: str, separator: str
) -> None:
    local = moment.replace(tzinfo=UTC).astimezone(timezone(offset))
    text = local.isoformat(separator)
    if form != "+HH:MM":
        text = text[:-3] + text[-2:]
    if form == "go":
        text = f"{text[:-5]} {text[-5:]} SAST m=+12.000000345"
    assert parse_timestamp(text) == local


@given(st.integers(0, 10**11 - 1), st.integers(0, 999_999))
def test_unix_seconds_lose_no_microsecond(seconds: int, microseconds: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        seconds=seconds, microseconds=microseconds
    )
    assert parse_timestamp(f"{seconds}.{microseconds:06}") == moment


@given(st.text() | st.text("0123456789-+:.,TZ ", max_size=40))
def test_any_text_is_a_moment_in_utc_or_refused(text: str) -> None:
    try:
        parsed = parse_timestamp(text)
    except ValueError:
        return
    assert parsed.tzinfo is UTC
