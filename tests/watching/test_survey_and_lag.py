"""Counting a bridge's file: right in every form of time, whatever moves, and without blocking."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.bridge.lag import GroupLag, LagGauge
from monitor.bridge.reader import BridgeReader, Cursor
from monitor.bridge.survey import newest_at, quarter_of, survey
from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY, MAMELODI, MOHADIN

pytestmark = pytest.mark.service

FIXTURE = [HealthCheck.function_scoped_fixture]  # the folder is emptied by the test itself
GROUPS = {LAWLEY: "%dr%", MAMELODI: None}


def test_days_are_those_of_utc_in_every_form_of_time(bridge: BridgeWriter) -> None:
    for text in (
        "2025-11-10 00:10:00+02:00",  # the 9th
        "2025-11-10 05:29:59+05:30",  # the 9th
        "2025-11-10 05:30:00+05:30",
        "2025-11-10 04:47:03.123456789 +0200 SAST m=+0.1",
        "2025-11-10T23:59:59Z",
        "1762776000",
        "2025-11-09 20:00:00 -0800 PST",
    ):
        bridge.post(LAWLEY, "x", timestamp=text)
    bridge.post(MOHADIN, "x", timestamp="2025-11-10 10:00:00+00:00")
    bridge.post(LAWLEY, "x", timestamp="no time")
    found = survey(BridgeReader(bridge.path, GROUPS))
    assert found.days == {(date(2025, 11, 9), LAWLEY): 2, (date(2025, 11, 10), LAWLEY): 5}
    assert found.quarters.total() == 8


@given(st.lists(st.tuples(st.sampled_from(sorted(GROUPS)), st.integers(0, 5_000)), max_size=40))
@settings(suppress_health_check=FIXTURE, deadline=None, max_examples=40)
def test_a_survey_counts_what_is_there(tmp_path: Path, posts: list[tuple[str, int]]) -> None:
    start = datetime(2025, 11, 10, tzinfo=UTC)
    path = tmp_path / "messages.db"
    path.unlink(missing_ok=True)
    with BridgeWriter(path, zone=timezone(timedelta(hours=5.75)), fsync=False) as bridge:
        times = [(group, start + timedelta(minutes=minutes)) for group, minutes in posts]
        for group, moment in times:
            bridge.post(group, "x", timestamp=moment)
        found = survey(BridgeReader(path, GROUPS))
    assert found.days == Counter((moment.date(), group) for group, moment in times)
    assert found.quarters == Counter(quarter_of(moment) for _, moment in times)


def test_the_newest_is_by_time_not_by_place_and_not_of_the_future(bridge: BridgeWriter) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    reader = BridgeReader(bridge.path, GROUPS)
    assert newest_at(reader, None) is None
    bridge.post(LAWLEY, "x", timestamp=now - timedelta(minutes=5))
    bridge.post(LAWLEY, "late history", timestamp=now - timedelta(days=5))
    bridge.post(LAWLEY, "a clock ahead", timestamp=now + timedelta(days=5))
    assert newest_at(reader, None) == now - timedelta(minutes=5)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("post"), st.sampled_from([LAWLEY, MAMELODI])),
        st.tuples(st.just("settle"), st.just("")),
        st.tuples(st.just("redeliver"), st.integers(0, 30)),
        st.tuples(st.just("delete"), st.integers(1, 3)),
        st.tuples(st.just("vacuum"), st.just("")),
    ),
    max_size=30,
)


@given(STEPS)
@settings(suppress_health_check=FIXTURE, deadline=None, max_examples=60)
def test_a_gauge_with_a_memory_says_what_one_without_says(
    tmp_path: Path, steps: list[tuple[str, object]]
) -> None:
    path = tmp_path / "messages.db"
    path.unlink(missing_ok=True)
    cursor: Cursor | None = None
    with BridgeWriter(path, fsync=False) as bridge, BridgeReader(path, GROUPS) as reader:
        remembering = LagGauge(reader)
        posted: list[tuple[str, str]] = []
        for what, value in steps:
            if what == "post":
                posted.append((bridge.post(str(value), "x"), str(value)))
            elif what == "settle":
                rows = reader.ask(
                    "SELECT id, rowid FROM messages WHERE chat_jid = ? ORDER BY rowid DESC LIMIT 1",
                    (LAWLEY,),
                )
                cursor = Cursor(rows[0][0], rows[0][1], None) if rows else None
            elif what == "redeliver" and posted:
                message_id, group = posted[int(str(value)) % len(posted)]
                if reader.find(group, message_id) is not None:
                    bridge.redeliver(message_id, group)
            elif what == "delete":
                bridge.delete_newest(int(str(value)))
            elif what == "vacuum":
                bridge.vacuum()
            fresh = LagGauge(reader).lag(LAWLEY, cursor)
            assert remembering.lag(LAWLEY, cursor) == fresh
            assert fresh.unread == _naive(reader, cursor)


def _naive(reader: BridgeReader, cursor: Cursor | None) -> int:
    rows = reader.ask("SELECT rowid, id FROM messages WHERE chat_jid = ?", (LAWLEY,))
    stands = cursor is not None and (cursor.rowid, cursor.message_id) in rows
    after = cursor.rowid if cursor is not None and stands else 0
    return sum(rowid > after for rowid, _ in rows)


def test_an_empty_bridge_has_no_lag(bridge: BridgeWriter) -> None:
    assert LagGauge(BridgeReader(bridge.path, GROUPS)).lag(LAWLEY, None) == GroupLag(0, None)
