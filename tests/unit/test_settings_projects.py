"""Every fault of projects.yaml is named with its line, its key and what was expected."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.settings import Fault, Project, SettingsError, load_projects
from monitor.settings.projects import SCHEMA_PATH

GOOD = """\
# The groups that are watched.
ignore_senders: ["27000000009"]
projects:
  - name: Lawley
    enabled: true
    group_jid: 120363000000000001@g.us
    description: Lawley activation
  - name: Velo Test
    enabled: false
    group_jid: 120363000000000002@g.us
    pattern: '(?i)\\bvelo ?\\d{4}\\b'
    ignore_senders: ["27000000001"]
    since: 2025-11-01T06:00:00+02:00
"""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "projects.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def faults(path: Path) -> list[str]:
    with pytest.raises(SettingsError) as refusal:
        load_projects(path)
    assert str(refusal.value).splitlines() == [str(fault) for fault in refusal.value.faults]
    return [str(fault).removeprefix(f"{path}:") for fault in refusal.value.faults]


def test_a_good_file_gives_its_projects_in_order(tmp_path: Path) -> None:
    assert load_projects(write(tmp_path, GOOD)) == (
        Project(
            "Lawley",
            "120363000000000001@g.us",
            description="Lawley activation",
            ignore_senders=frozenset({"27000000009"}),
        ),
        Project(
            "Velo Test",
            "120363000000000002@g.us",
            enabled=False,
            pattern=r"(?i)\bvelo ?\d{4}\b",
            ignore_senders=frozenset({"27000000001", "27000000009"}),
            since=datetime(2025, 11, 1, 4, tzinfo=UTC),
        ),
    )


@pytest.mark.parametrize(
    ("since", "moment"),
    [
        ("2025-11-01", datetime(2025, 11, 1, tzinfo=UTC)),
        ("'2025-11-01'", datetime(2025, 11, 1, tzinfo=UTC)),
        ("2025-11-01 06:00:00", datetime(2025, 11, 1, 6, tzinfo=UTC)),
        ("2025-11-01T06:00:00.5Z", datetime(2025, 11, 1, 6, 0, 0, 500_000, tzinfo=UTC)),
        ("2025-11-01T06:00-05:30", datetime(2025, 11, 1, 11, 30, tzinfo=UTC)),
    ],
)
def test_since_is_a_date_or_a_moment_and_in_utc(
    tmp_path: Path, since: str, moment: datetime
) -> None:
    text = f"projects: [{{name: A, group_jid: 1@g.us, since: {since}}}]"
    (project,) = load_projects(write(tmp_path, text))
    assert project.since == moment
    assert project.enabled


HEAD = "projects:\n  - name: Lawley\n    group_jid: 1@g.us\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1: expected a mapping with the key projects, found nothing"]),
        ("- a\n", ["1: expected a mapping with the key projects, found a list"]),
        ("projects: []\n", ["1: /projects: expected a list of at least one project, found a list"]),
        ("projects:\n", ["1: /projects: expected a list of at least one project, found nothing"]),
        (
            "# none\nproject: []\n",
            [
                "2: /projects: expected a list of at least one project, found nothing",
                "2: /project: expected one of the keys projects, ignore_senders, "
                "found 'project' (did you mean projects?)",
            ],
        ),
        (
            "projects:\n  - name: Lawley\n    enabled: true\n",
            [
                "2: /projects/0/group_jid: expected a WhatsApp group's JID, "
                "which ends in @g.us, found nothing"
            ],
        ),
        (
            "projects:\n  - name: Lawley\n    group_jid: 27000000001@s.whatsapp.net\n",
            [
                "3: /projects/0/group_jid: expected a WhatsApp group's JID, "
                "which ends in @g.us, found '27000000001@s.whatsapp.net'"
            ],
        ),
        (
            HEAD + "    enabled: maybe\n",
            ["4: /projects/0/enabled: expected true or false, found 'maybe'"],
        ),
        (
            HEAD + "    enbled: true\n",
            [
                "4: /projects/0/enbled: expected one of the keys name, enabled, group_jid, "
                "description, pattern, ignore_senders, since, found 'enbled' "
                "(did you mean enabled?)"
            ],
        ),
        (HEAD + "    description: 5\n", ["4: /projects/0/description: expected text, found 5"]),
        (
            HEAD + "    ignore_senders:\n      - '27000000001'\n      - 27000000002\n",
            [
                "6: /projects/0/ignore_senders/1: expected a sender's number as the bridge "
                "writes it: digits alone, in quotes, found 27000000002"
            ],
        ),
        (
            HEAD + "    enabled: false\n",
            ["1: /projects: expected at least one project that is enabled, found none"],
        ),
        (
            HEAD + "  - {name: Other, group_jid: 1@g.us}\n",
            [
                "4: /projects/1/group_jid: expected a group_jid of its own, "
                "found '1@g.us' as in /projects/0"
            ],
        ),
        (
            HEAD + "  - group_jid: 2@g.us\n    name: Lawley\n",
            ["5: /projects/1/name: expected a name of its own, found 'Lawley' as in /projects/0"],
        ),
        (
            HEAD + "    pattern: '(DR'\n",
            [
                "4: /projects/0/pattern: project 'Lawley': expected a regular expression for "
                "drops, found '(DR': not a regular expression: missing ), "
                "unterminated subpattern at position 0"
            ],
        ),
        (
            HEAD + "    since: 2025-02-30\n",
            [
                "4: /projects/0/since: project 'Lawley': expected a moment that exists, "
                "found '2025-02-30': day is out of range for month"
            ],
        ),
        (
            HEAD + "    name: Again\n",
            ["4: name: expected this key once, found it more than once here"],
        ),
        ("projects: [}\n", ["1: expected YAML, found: while parsing a flow node, "]),
        (
            HEAD + "\tenabled: true\n",
            ["4: expected YAML, found: while scanning for the next token, "],
        ),
        (
            "a: 1\n---\nb: 2\n",
            ["2: expected YAML, found: expected a single document in the stream"],
        ),
        (
            HEAD + "    description: !!python/name:os.system\n",
            ["4: expected YAML, found: could not determine"],
        ),
        (HEAD + "    description: *none\n", ["4: expected YAML, found: found undefined alias"]),
        (
            "projects:\n# \x07\n",
            ["2: expected YAML, found a character that it does not allow: #x0007"],
        ),
        (b"projects:\n# \xff\n", ["2: expected UTF-8 text"]),
        ("a: " + "[" * 1000, [" expected YAML, found a value that cannot be read"]),
    ],
)
def test_a_fault_is_named_with_line_key_and_expectation(
    tmp_path: Path, text: str | bytes, expected: list[str]
) -> None:
    found = faults(write(tmp_path, text))
    assert len(found) == len(expected)
    for fault, beginning in zip(found, expected, strict=True):
        assert fault.startswith(beginning)
        assert "\n" not in fault


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = "projects:\n  - name: ''\n    group_jid: x\n  - 5\n"
    assert [fault.split(" ")[1] for fault in faults(write(tmp_path, text))] == [
        "/projects/0/name:",
        "/projects/0/group_jid:",
        "/projects/1:",
    ]


@pytest.mark.parametrize(
    "since",
    ["20251101", "2025-W01-1", "yesterday", "[]", '"2025-11-01\\n"', "0001-01-01T00:00+02:00"],
)
def test_since_takes_no_other_form(tmp_path: Path, since: str) -> None:
    (fault,) = faults(write(tmp_path, HEAD + f"    since: {since}\n"))
    assert fault.startswith("4: /projects/0/since: ")


@pytest.mark.parametrize("jid", ['"1@g.us\\n"', "' 1@g.us'", "'@g.us'", "1@g.us.example", "5"])
def test_a_groups_jid_takes_no_other_form(tmp_path: Path, jid: str) -> None:
    (fault,) = faults(write(tmp_path, f"projects:\n  - name: A\n    group_jid: {jid}\n"))
    assert fault.startswith("3: /projects/0/group_jid: expected a WhatsApp group's JID")


def test_a_missing_file_says_what_to_create(tmp_path: Path) -> None:
    path = tmp_path / "config" / "projects.yaml"
    with pytest.raises(SettingsError) as refusal:
        load_projects(path)
    assert str(refusal.value) == (
        f"{path}: is missing; create it with a list `projects`, each with `name`, "
        "`group_jid` (it ends in @g.us) and `enabled: true`"
    )


def test_a_folder_in_its_place_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refusal:
        load_projects(tmp_path)
    assert refusal.value.faults == (Fault(str(tmp_path), "", "cannot be read: Is a directory"),)


YAML = st.recursive(
    st.sampled_from(["x", "'1@g.us'", "1@g.us", "5", "true", "~", "2025-11-01", "!!int x", "<<"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]")
        | st.lists(
            st.tuples(
                st.sampled_from(["projects", "name", "group_jid", "? [a]", "1", "<<"]), inner
            ),
            max_size=3,
        ).map(lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}")
    ),
    max_leaves=8,
)


@given(st.text() | YAML | YAML.map(lambda text: f"projects: [{text}]"))
def test_any_text_is_projects_or_faults(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = write(tmp_path_factory.getbasetemp(), text.encode(errors="replace"))
    told: tuple[object, ...] = ()
    try:
        told = load_projects(path)
    except SettingsError as refusal:
        told = refusal.faults
    assert told
    assert not any("\n" in str(fault) for fault in told)


@pytest.mark.parametrize(("text", "status"), [(GOOD, 0), (HEAD + "    enbled: true\n", 1)])
def test_check_jsonschema_can_use_the_schema(tmp_path: Path, text: str, status: int) -> None:
    tool = Path(sys.executable).with_name("check-jsonschema")
    run = subprocess.run(
        [tool, "--schemafile", SCHEMA_PATH, write(tmp_path, text)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == status, run.stdout + run.stderr


def test_importing_the_settings_and_the_state_stays_cheap() -> None:
    dear = {"yaml", "jsonschema", "dotenv", "urllib.request"}
    code = f"import monitor.settings, monitor.state, sys; print({dear!r} & set(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert run.stdout == "set()\n"
