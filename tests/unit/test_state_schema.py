"""The rules of state.json are one set, for the monitor and for every other tool."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from monitor.state import SCHEMA_PATH, check_state, is_entry

GROUP = "120363000000000001@g.us"
GOOD = json.dumps({GROUP: "3EB0FF3868BCD0A7EC9F39"}).encode()


def test_a_good_state_has_cursors_and_no_faults() -> None:
    assert check_state(GOOD) == ({GROUP: "3EB0FF3868BCD0A7EC9F39"}, [])
    assert check_state(b"{}") == ({}, [])


@pytest.mark.parametrize(
    ("data", "pointer", "said"),
    [
        (b"", "", "found an empty file"),
        (b" \n", "", "found an empty file"),
        (b"\0" * 512, "", "found 512 NUL bytes, as a power loss leaves them"),
        (GOOD[:-1] + b"\0", "", "expected JSON, found at line 1"),
        (b'{"a": "\xff"}', "", "expected UTF-8 text, found byte 7 is not"),
        (b"\xef\xbb\xbf" + GOOD, "", "BOM"),
        (GOOD + GOOD, "", "Extra data"),
        (b"[" * 100_000, "", "beyond reason"),
        (b"1" * 10_000, "", "beyond reason"),
        (b"null", "", "expected an object that gives for each group's JID"),
        (b"[]", "", "found a list"),
        (b'"text"', "", "found 'text'"),
        (b"NaN", "", "found nan"),
        (b'{"1@g.us": 5}', "/1@g.us", "expected a message id: 1 to 255 characters"),
        (b'{"1@g.us": null}', "/1@g.us", "found nothing"),
        (b'{"1@g.us": {"id": "A"}}', "/1@g.us", "found a mapping"),
        (b'{"1@g.us": ""}', "/1@g.us", "found ''"),
        (b'{"1@g.us": "A\\n"}', "/1@g.us", "none of them a control character, found 'A\\n'"),
        (b'{"1@g.us": "' + b"A" * 256 + b'"}', "/1@g.us", "1 to 255 characters"),
        (b'{"Lawley": "A"}', "/Lawley", "expected a group's JID, which ends in @g.us"),
        (b'{"@g.us": "A"}', "/@g.us", "expected a group's JID"),
        (b'{"1@g.us\\n": "A"}', "/1@g.us\n", "expected a group's JID"),
        (b'{"a/b~c": "A"}', "/a~1b~0c", "expected a group's JID"),
        (b'{"1@g.us": "A", "1@g.us": "B"}', "/1@g.us", "found it more than once"),
    ],
)
def test_a_fault_is_named_by_its_pointer(data: bytes, pointer: str, said: str) -> None:
    cursors, faults = check_state(data)
    assert cursors is None
    assert [fault.pointer for fault in faults] == [pointer]
    assert said in faults[0].message
    assert "\n" not in faults[0].message


def test_each_fault_is_told_once() -> None:
    _, faults = check_state(b'{"1@g.us": "", "2@g.us": 2, "3@g.us": "fine", "four": "fine"}')
    assert sorted(fault.pointer for fault in faults) == ["/1@g.us", "/2@g.us", "/four"]


def test_a_state_cut_short_anywhere_is_not_taken_for_a_whole_one() -> None:
    data = json.dumps({GROUP: "AB", "120363000000000002@g.us": "CD"}, indent=2).encode()
    assert check_state(data)[0] is not None
    assert [
        length for length in range(len(data)) if check_state(data[:length])[0] is not None
    ] == []


@given(st.binary() | st.text().map(str.encode))
@example(b'{"1@g.us":"\\ud800"}')
def test_any_bytes_are_cursors_or_faults(data: bytes) -> None:
    cursors, faults = check_state(data)
    assert (cursors is None) == bool(faults)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from([GROUP, "1-2@g.us", "@g.us", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(JSON)
def test_the_schema_alone_comes_to_the_same_verdict(document: object) -> None:
    schema = Draft202012Validator(json.loads(SCHEMA_PATH.read_bytes()))
    cursors, _ = check_state(json.dumps(document).encode())
    assert (cursors is not None) == schema.is_valid(document)


TEXT = st.text(st.characters(), max_size=300) | st.text(
    st.sampled_from("A\x00\x1f\x7f\x9f\ud800\n\u2028 "), max_size=3
)


@given(st.sampled_from(["1", "", "\n"]) | TEXT, st.sampled_from(["@g.us", "", "@g.us\n"]), TEXT)
def test_the_quick_check_of_an_entry_is_the_schemas(number: str, suffix: str, id_: str) -> None:
    entry = {number + suffix: id_}
    assert is_entry(number + suffix, id_) == (not check_state(json.dumps(entry).encode())[1])


def test_the_schema_is_a_valid_one_with_an_id() -> None:
    schema = json.loads(SCHEMA_PATH.read_bytes())
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].endswith("/state.schema.json")
    assert all(not check_state(json.dumps(example_).encode())[1] for example_ in schema["examples"])


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (GOOD, 0),
        (b"{}", 0),
        (b"[]", 1),
        (b'{"Lawley": "A"}', 1),
        (b'{"1@g.us": ""}', 1),
        (b'{"1@g.us": "A\\n"}', 1),
        (b'{"1@g.us\\n": "A"}', 1),
    ],
)
def test_check_jsonschema_comes_to_the_same_verdict(
    tmp_path: Path, data: bytes, status: int
) -> None:
    (tmp_path / "state.json").write_bytes(data)
    tool = Path(sys.executable).with_name("check-jsonschema")
    run = subprocess.run(
        [tool, "--schemafile", SCHEMA_PATH, tmp_path / "state.json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == status, run.stdout + run.stderr
    assert (check_state(data)[0] is not None) == (status == 0)
