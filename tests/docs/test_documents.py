"""What the documents say is what the program does."""

import re
from pathlib import Path

import pytest

from monitor.settings.environment import SCHEMA_PATH
from tests.docs.reference import PATH, reference

ROOT = Path(__file__).parents[2]
FOLDERS = "playbooks|inventories|monitor|docs|tests|roles"
THE_OPERATORS_OWN = "inventories/mine"
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_command_reference_is_the_programs_own() -> None:
    assert PATH.read_text(encoding="utf-8") == reference(), "run `make docs`"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_is_named_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    named = re.findall(rf"(?<![\w/-])((?:{FOLDERS})/[\w./-]*\w)", text)
    missing = [each for each in links if not (document.parent / each).exists()]
    missing += [each for each in named if not (ROOT / each).exists()]
    assert [each for each in missing if not each.startswith(THE_OPERATORS_OWN)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)(?=[`\s])", document.read_text(encoding="utf-8")))
    assert named <= targets | {"of"}


def test_the_readme_names_every_setting() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    settings = set(re.findall(r'"([A-Z][A-Z_]+)": \{', SCHEMA_PATH.read_text()))
    assert settings
    assert {each for each in settings if each not in readme} == set()
