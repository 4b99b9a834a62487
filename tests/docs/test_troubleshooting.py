"""Every incident of docs/troubleshooting.md is made to happen, and its commands tell of it."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg2
import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY, MOHADIN
from tests.delivery.homes import Home, clean_environment
from tests.delivery.monitors import settle_afresh
from tests.delivery.projects import import_drops, write_projects
from tests.docs.console import commands_of, sections_of

pytestmark = pytest.mark.service

DOCUMENT = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
SECTIONS = sections_of(DOCUMENT)
DROP = "DR1752028"
NEW_GROUP = "120363400000000001@g.us"


class Case(NamedTuple):
    """What an incident is made of."""

    home: Home
    bridge: BridgeWriter


@pytest.fixture
def case(tmp_path: Path, database_url: str) -> Iterator[Case]:
    """Lay out an environment on PostgreSQL, with a bridge that has one message."""
    path = tmp_path / "bridge" / "messages.db"
    with BridgeWriter(path, fsync=False) as bridge:
        bridge.post(LAWLEY, "good morning")
        yield Case(Home(tmp_path / "home", path, database_url), bridge)


def all_is_well(case: Case) -> None:
    settle_afresh(case.home)


def nothing_arrives(case: Case) -> None:
    settle_afresh(case.home)
    case.bridge.post(LAWLEY, DROP)


def paired_again(case: Case) -> None:
    case.bridge.post(LAWLEY, DROP)
    settle_afresh(case.home)
    case.bridge.replace_file()
    case.bridge.post(LAWLEY, "DR1752034")
    settle_afresh(case.home)


def wrong_group(case: Case) -> None:
    case.bridge.post(NEW_GROUP, DROP)
    assert MOHADIN not in (LAWLEY, NEW_GROUP)


def two_rows(case: Case) -> None:
    case.bridge.post(LAWLEY, DROP)
    settle_afresh(case.home)
    query = case.home.store.query
    query("ALTER TABLE qa_photo_reviews DROP CONSTRAINT qa_photo_reviews_drop_number_key")
    query(f"INSERT INTO qa_photo_reviews (drop_number) VALUES ('{DROP}')")


def good_numbers_refused(case: Case) -> None:
    write_projects(case.home, Lawley={"validate": True})
    import_drops(case.home, "DR1752034")
    case.bridge.post(LAWLEY, DROP)
    settle_afresh(case.home)
    (case.home.path / "new-numbers.csv").write_text(f"{DROP}\n")


def unknown_sender(case: Case) -> None:
    case.bridge.post(LAWLEY, DROP, sender="10000000000001")
    settle_afresh(case.home)
    case.bridge.map_lid("10000000000001", "27000000009")


def nobody_answered(case: Case) -> None:
    settle_afresh(case.home)
    case.home.store.query(
        "INSERT INTO wa_monitor_answers (group_jid, message_id, kind, project, recipient_jid,"
        " answer, per_minute, queued_at, not_before, expires_at, state)"
        f" VALUES ('{LAWLEY}', 'A', 'invalid', 'Lawley', '27000000001@s.whatsapp.net', 'text',"
        " 4, now(), now(), now(), 'unknown')"
    )


INCIDENTS: dict[str, Callable[[Case], None]] = {
    "Nothing arrives though the bridge runs": nothing_arrives,
    "The bridge was logged out and paired again": paired_again,
    "A group is wrong or missing": wrong_group,
    "A drop has two rows": two_rows,
    "Good numbers are refused": good_numbers_refused,
    "Senders show as long numbers nobody knows": unknown_sender,
    "Nobody is answered": nobody_answered,
}


@pytest.mark.parametrize("title", SECTIONS, ids=SECTIONS.keys())
def test_the_commands_tell_of_the_incident_and_cure_it(case: Case, title: str) -> None:
    INCIDENTS.get(title, all_is_well)(case)
    programs = case.home.path / "bin"
    programs.mkdir()
    command = programs / "wa-monitor-prod"
    command.write_text(
        f'#!/bin/sh\nexec {sys.executable} -m monitor --home {case.home.path} "$@"\n'
    )
    command.chmod(0o755)
    environment = clean_environment(
        DATABASE_URL=case.home.database_url or "", WHATSAPP_DB_PATH=str(case.home.bridge_path)
    )
    environment["PATH"] = f"{programs}:{environment['PATH']}"
    for words, expected in commands_of(SECTIONS[title], "$"):
        done = subprocess.run(
            ["sh", "-c", words.replace("/opt/wa-monitor/prod", str(case.home.path))],
            cwd=case.home.path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        output = done.stdout + done.stderr
        assert done.returncode in (0, 1), f"{words}: {output}"
        for line in expected:
            assert line in output, f"{words}: no {line!r} in:\n{output}"


def test_every_incident_has_its_four_parts() -> None:
    for title, text in SECTIONS.items():
        if title:
            for part in ("Symptom", "Command", "Cause", "Cure"):
                assert f"**{part}.**" in text, f"{title}: {part}"


def test_every_incident_is_in_the_document() -> None:
    assert INCIDENTS.keys() <= SECTIONS.keys()


def test_every_section_is_in_the_list_at_the_top() -> None:
    linked = re.findall(r"^- \[(.+)\]\(#", SECTIONS[""], re.MULTILINE)
    assert linked == list(SECTIONS)[1:]


def test_the_cure_for_two_rows_keeps_the_one_that_was_worked_on(case: Case) -> None:
    two_rows(case)
    query = case.home.store.query
    query(f"INSERT INTO qa_photo_reviews (drop_number, completed) VALUES ('{DROP}', true)")
    delete = next(
        words for words, _ in commands_of(SECTIONS["A drop has two rows"], "$") if "DELETE" in words
    )
    statement = delete.partition(' -c "')[2].rstrip('"')
    with psycopg2.connect(case.home.database_url or "") as connection:
        connection.cursor().execute(statement)
    connection.close()
    assert query("SELECT drop_number, completed FROM qa_photo_reviews") == [(DROP, True)]
