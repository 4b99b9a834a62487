"""What is written to .env is what the monitor reads from it."""

import io

import pytest
from dotenv import dotenv_values

from tests.ops.modules import load

dotenv = load("wa_monitor_dotenv")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "INFO",
        "15",
        "postgresql://qa:p%40ss@127.0.0.1:5432/qa?options=-csearch_path%3Ddev&sslmode=require",
        'it\'s "quoted" # not a comment',
        "back\\slash \\' and ${HOME}",
        "  spaces ",
        "naïve",
    ],
)
def test_a_value_survives(value: str) -> None:
    text = dotenv.dotenv({"KEY": value, "AFTER": 7})
    assert dotenv_values(stream=io.StringIO(text), interpolate=False) == {
        "KEY": value,
        "AFTER": "7",
    }


def test_plain_values_are_written_plainly() -> None:
    assert dotenv.dotenv({"SCAN_INTERVAL": 7, "LOG_LEVEL": "INFO"}) == (
        "SCAN_INTERVAL=7\nLOG_LEVEL=INFO\n"
    )
