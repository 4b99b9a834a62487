"""The pace of a backlog, by a clock of the test's own."""

from monitor.service.pace import Backlog, Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_rate_is_that_of_the_last_seconds() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.note(1_000, 1_000_000) == Backlog(999_000, 0.0)
    assert pace.note(1_000, 1_000_000).seconds_left is None
    done = 1_000
    for _ in range(60):
        clock.now += 0.5
        done += 5_000
        backlog = pace.note(done, 1_000_000)
    assert backlog == Backlog(1_000_000 - done, 10_000.0)
    assert backlog.seconds_left == (1_000_000 - done) / 10_000
    for _ in range(60):  # the store has become slow
        clock.now += 0.5
        done += 500
        backlog = pace.note(done, 1_000_000)
    assert backlog.rows_per_second == 1_000.0


def test_reading_again_from_an_earlier_place_is_no_pace() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.note(500_000, 600_000)
    clock.now += 1
    assert pace.note(10, 600_000) == Backlog(599_990, 0.0)
    clock.now += 1
    assert pace.note(1_010, 600_000).rows_per_second == 1_000.0


def test_a_pause_can_be_left_out() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.note(0, 100)
    pace.forget()
    clock.now += 60
    pace.note(10, 100)
    clock.now += 1
    assert pace.note(20, 100).rows_per_second == 10.0
