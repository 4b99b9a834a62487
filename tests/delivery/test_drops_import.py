"""`wa-monitor drops import`: whatever the lines hold, all that is good goes in, or nothing."""

import io
import os
import subprocess
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.drops.listing import LINE_BYTES, read_list
from tests.delivery.homes import Home, clean_environment
from tests.delivery.projects import write_projects

LISTS = "SELECT drop_number FROM valid_drop_numbers WHERE project = 'Lawley' ORDER BY 1"


def listed(home: Home) -> list[str]:
    return [row[0] for row in home.store.query(LISTS)]


def run_import(
    home: Home, content: bytes, project: str = "Lawley"
) -> subprocess.CompletedProcess[str]:
    file = home.path / "list.csv"
    file.write_bytes(content)
    return home.ask("drops", "import", str(file), "--project", project)


def test_what_it_added_left_and_refused(home: Home) -> None:
    write_projects(home, Lawley={"validate": True})
    content = (
        b"\xef\xbb\xbfid;Drop_Number;address\r\n1;DR1000001;x\r\n2; dr 1000002 ;\r\n\r\n"
        b'3;"DR1000003";"a ""b"" c"\r\n4;1000004;\r\n5;DR1000001;again\r\n6\r\n7;DR\xff1;\r\n'
    )
    done = run_import(home, content)
    assert done.returncode == 1
    assert done.stdout == "Lawley: 3 drops added, 1 were there, 3 lines refused\n"
    assert done.stderr.splitlines() == [
        f"{home.path}/list.csv:6: expected DR and 6 to 8 digits, found '1000004'",
        f"{home.path}/list.csv:8: expected a drop, found nothing in its column",
        f"{home.path}/list.csv:9: byte 5 is not UTF-8",
    ]
    assert listed(home) == ["DR1000001", "DR1000002", "DR1000003"]
    again = run_import(home, b"DR1000001\nDR1000004\n")
    assert again.returncode == 0
    assert again.stdout == "Lawley: 1 drops added, 1 were there, 0 lines refused\n"


@pytest.mark.parametrize(
    ("project", "said"), [("Lawly", "no project is named 'Lawly'; there are: Lawley,")]
)
def test_an_unknown_project_is_bad_usage(embedded_home: Home, project: str, said: str) -> None:
    done = run_import(embedded_home, b"DR1000001\n", project)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_project_with_a_pattern_of_its_own_lists_what_it_likes(embedded_home: Home) -> None:
    write_projects(embedded_home, Lawley={"pattern": "MOA-[0-9]+"})
    done = run_import(embedded_home, b"moa-17\nMOA 18\nMOA-19\x07\n")
    assert done.returncode == 1
    assert listed(embedded_home) == ["MOA-17", "MOA18"]


def test_killed_in_the_middle_nothing_is_in(home: Home) -> None:
    assert run_import(home, b"DR1000001\n").returncode == 0
    pipe = home.path / "pipe.csv"
    os.mkfifo(pipe)
    command = home.command("drops", "import", str(pipe), "--project", "Lawley")
    process = subprocess.Popen(command, env=clean_environment(), stderr=subprocess.DEVNULL)
    with pipe.open("wb") as stream:
        for number in range(20_000):
            stream.write(b"DR%d\n" % (2_000_000 + number))
        stream.flush()
        time.sleep(0.3)
        process.kill()
        process.wait()
    assert listed(home) == ["DR1000001"]


def test_many_lines_in_little_time(home: Home) -> None:
    content = b"".join(b"DR%d,Pole %d\n" % (1_000_000 + n, n) for n in range(50_000))
    before = time.monotonic()
    done = run_import(home, content)
    assert done.stdout.startswith("Lawley: 50,000 drops added, 0 were there, 0 lines refused")
    assert "does not check drops" in done.stdout
    assert time.monotonic() - before < 20
    assert len(listed(home)) == 50_000


cells = st.one_of(
    st.from_regex(r"[Dd][Rr] ?[0-9]{4,9}", fullmatch=True),
    st.text(max_size=12),
    st.sampled_from(["", '"', '""', "drop_number", "DR1752028", "=1+1", "\0", "\ufeff"]),
)
lines = st.lists(cells, max_size=4).map(",".join).map(lambda text: text.encode("utf-8", "replace"))
files = st.lists(st.one_of(lines, st.binary(max_size=30)), max_size=12).map(b"\n".join)


@given(files)
@example(b"x" * (3 * LINE_BYTES) + b"\nDR1752028\n")
@example(b"drop_number")
@example(b"\xff\xfeD\0R\0")
def test_any_file_is_read_to_its_end_and_yields_drops_alone(content: bytes) -> None:
    done: list[int] = []
    found = list(read_list(io.BytesIO(content), usual=True, show=done.append))
    numbers = [each.line for each in found]
    assert numbers == sorted(set(numbers))
    assert not numbers or numbers[-1] <= content.count(b"\n") + 1
    assert done == sorted(done)
    for each in found:
        assert bool(each.drop) != bool(each.refusal)
        if each.drop:
            assert each.drop.isascii()
            assert 6 <= len(each.drop.removeprefix("DR")) <= 8
            assert each.drop[2:].isdigit()
        assert "\n" not in each.refusal


@given(st.lists(st.from_regex(r"DR[0-9]{6,8}", fullmatch=True), min_size=1), st.booleans())
def test_a_plain_list_is_taken_as_it_is(drops: list[str], headed: bool) -> None:
    text = ("drop_number\n" if headed else "") + "\n".join(drops)
    found = list(read_list(io.BytesIO(text.encode()), usual=True))
    assert [each.drop for each in found] == drops
