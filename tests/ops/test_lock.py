"""A lock is kept to while its play may be at work, and no longer."""

import grp
import io
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.ops.modules import load

lock = load("wa_monitor_lock")
plays = load("wa_monitor_plays")
compare = load("wa_monitor_compare")

NOW = 1_700_000_000.0
HOLDER = {"user": "ops@laptop", "play": "Deploy", "controller": "laptop 1", "pid": "7"}


def held(text: str) -> Any:
    return lock.holder(io.StringIO(text), NOW, 30)


def test_it_is_held_for_half_an_hour() -> None:
    fresh = {**HOLDER, "since": NOW - 1799}
    assert held(json.dumps(fresh)) == fresh
    assert held(json.dumps({**HOLDER, "since": NOW - 1801})) == {}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"since": "now"}', json.dumps({**HOLDER, "since": NOW + 3600})],
    ids=["none", "cut off", "no mapping", "empty", "no time", "from the future"],
)
def test_what_says_nothing_that_makes_sense_holds_nobody_back(text: str) -> None:
    assert held(text) == {}


def test_giving_back_and_taking(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock.opened(path) as file:
        lock.put(file, {**HOLDER, "since": NOW})
    with lock.opened(path) as file:
        assert lock.is_same(lock.holder(file, NOW, 30), HOLDER)
        lock.put(file, {})
    assert path.read_text() == ""


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"), lock.opened(tmp_path / "lock"):
        pass


def test_a_play_is_known_to_be_gone_only_here_and_when_it_is() -> None:
    mine = plays.this_play("Deploy")
    assert mine["pid"] == str(os.getpid())
    assert not plays.is_gone(mine)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    gone = {**mine, "pid": str(ended.pid)}
    assert plays.is_gone(gone)
    assert not plays.is_gone({**gone, "controller": "elsewhere"})
    assert not plays.is_gone({})


def test_a_user_outside_of_the_bridges_group_is_a_difference() -> None:
    me = pwd.getpwuid(os.geteuid())
    own = grp.getgrgid(me.pw_gid).gr_name
    assert compare.outside(me.pw_name, own) == []
    assert compare.outside(me.pw_name, "") == []
    assert compare.outside(me.pw_name, "nogroup") == [f"{me.pw_name} is not in the group nogroup"]
    assert compare.outside("nobody-of-that-name", own) != []
