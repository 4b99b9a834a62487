"""What projects.yaml and .env may say of answers and lists."""

import json
from pathlib import Path
from typing import Any

import pytest

from monitor.answers.texts import Answers
from monitor.settings.answering import Answering
from monitor.settings.environment import load_environment
from monitor.settings.faults import SettingsError
from monitor.settings.projects import Project, load_projects

BRIDGE = "WHATSAPP_DB_PATH=messages.db\n"


def load(folder: Path, **options: Any) -> Project:
    path = folder / "projects.yaml"
    project = {"name": "Lawley", "group_jid": "1@g.us", **options}
    path.write_text(json.dumps({"projects": [project]}))
    return load_projects(path)[0]


def test_a_project_neither_checks_nor_answers_by_itself(tmp_path: Path) -> None:
    project = load(tmp_path)
    assert (project.validate, project.answers) == (False, None)
    assert load(tmp_path, answers=False).answers is None
    assert load(tmp_path, answers=True, validate=True).answers == Answers()


def test_texts_rate_and_expiry(tmp_path: Path) -> None:
    said = {"invalid": "{mention}: {drop}?", "malformed": False, "per_minute": 2}
    answers = load(tmp_path, answers={**said, "expires_after": 5}).answers
    assert answers == Answers("{mention}: {drop}?", None, 2, 300.0)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ("yes", "/projects/0/answers: expected true, false, or a mapping"),
        ({"invalid": "{sender}"}, "/projects/0/answers/invalid: project 'Lawley': expected a text"),
        ({"invalid": "{drop.__class__}"}, "it may name {mention}, {drop}, {project} and"),
        ({"invalid": "{drop!r:>9}"}, "it may name"),
        ({"malformed": "{drop"}, "its braces do not match"),
        ({"malformed": ""}, "/projects/0/answers/malformed: expected a text of 1 to 1000"),
        ({"malformed": True}, "or false for no answer"),
        ({"per_minute": 0}, "a whole number of answers from 1 to 60"),
        ({"expires_after": 2000}, "a number of minutes from 1 to 1440"),
        ({"text": "x"}, "expected one of the keys invalid, malformed, per_minute, expires_after"),
    ],
)
def test_what_is_refused_is_named(tmp_path: Path, answers: object, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(tmp_path, answers=answers)
    assert said in str(error.value)


def environment(home: Path, text: str) -> Answering:
    (home / ".env").write_text(BRIDGE + text)
    return load_environment(home, {}).answering


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("", "off"),
        ("ENABLE_WHATSAPP_MESSAGES=\n", "off"),
        ("ENABLE_WHATSAPP_MESSAGES=False\n", "off"),
        ("ENABLE_WHATSAPP_MESSAGES=true\n", "on"),
        ("ENABLE_WHATSAPP_MESSAGES=dry-run\n", "dry-run"),
    ],
)
def test_the_kill_switch(tmp_path: Path, text: str, mode: str) -> None:
    assert environment(tmp_path, text).mode == mode


def test_addresses(tmp_path: Path) -> None:
    found = environment(tmp_path, "WHATSAPP_SENDER_URL=http://10.0.0.1:9000/wa/\n")
    assert found.sender_url == "http://10.0.0.1:9000/wa"
    assert found.bridge_url == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ENABLE_WHATSAPP_MESSAGES=on\n", "expected true, false or dry-run, found 'on'"),
        ("ENABLE_WHATSAP_MESSAGES=true\n", "expected ENABLE_WHATSAPP_MESSAGES, found a key that"),
        ("WHATSAPP_BRIDGE_URL=127.0.0.1:8080\n", "expected the address of a service, such as"),
        ("WHATSAPP_SENDER_URL=http://me:secret@host\n", "expected the address of a service"),
    ],
)
def test_bad_settings_are_named_without_secrets(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        environment(tmp_path, text)
    assert said in str(error.value)
    assert "secret" not in str(error.value).replace("is a secret, not shown", "")
