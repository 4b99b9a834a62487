"""One line of root's crontab is the roles'; the others are not."""

import pytest

from tests.ops.modules import load

crontab = load("wa_monitor_schedule")

LINE = "0 1 * * * systemctl restart wa-monitor-prod wa-monitor-dev"
OTHER = "MAILTO=root\n# systemctl restart wa-monitor-prod, one day\n5 4 * * * true\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"{LINE}\n"),
        (OTHER, f"{OTHER}{LINE}\n"),
        (f"{LINE}\n{OTHER}", f"{LINE}\n{OTHER}"),
        (f"0 3 * * * /bin/systemctl restart wa-monitor-prod\n{OTHER}", f"{LINE}\n{OTHER}"),
        (f"{OTHER}{LINE}\n{LINE}", f"{OTHER}{LINE}\n"),
    ],
)
def test_the_line_is_there_once(before: str, after: str) -> None:
    assert crontab.with_line(before, LINE) == after


def test_without_it_all_else_stays() -> None:
    assert crontab.with_line(f"{LINE}\n{OTHER}", "") == OTHER
    assert crontab.with_line(OTHER, "") == OTHER
