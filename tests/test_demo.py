"""The demo runs, again and again, and keeps to its folder."""

from pathlib import Path

import pytest

from monitor.demo.demo import run_demo

pytestmark = pytest.mark.service


def test_the_demo_misses_and_doubles_nothing_twice_in_a_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Settings of a real monitor in the caller's environment must not reach the demo's.
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    for _ in range(2):
        assert run_demo(tmp_path / "demo") == 0
        assert "nothing missed, nothing doubled" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_a_folder_with_other_things_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    assert run_demo(tmp_path) == 2
    assert "holds something else" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
