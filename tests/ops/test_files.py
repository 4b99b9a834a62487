"""Files are checked before any is written, and secrets are not shown."""

import base64
import grp
import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from tests.ops.modules import load

files = load("wa_monitor_files")


def entry(path: Path, **more: Any) -> dict[str, Any]:
    """Return a file as Ansible hands it over, owned by who runs the tests."""
    return {
        "path": str(path),
        "content": None,
        "secret": None,
        "visible": [],
        "absent": False,
        "owner": pwd.getpwuid(os.geteuid()).pw_name,
        "group": grp.getgrgid(os.getegid()).gr_name,
        "mode": "0640",
        "keep": False,
        "validate": "",
        **more,
    }


def encoded(text: str) -> str:
    """Return a secret text as the roles hand it over, so that no log can quote it."""
    return base64.b64encode(text.encode()).decode()


def test_a_file_is_written_with_its_rights_and_then_is_as_it_should_be(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    file = entry(path, content="one\n")
    assert files.differs(file)
    files.write(file)
    assert path.read_text() == "one\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert not files.differs(file)
    path.chmod(0o644)
    assert files.differs(file)
    assert list(tmp_path.iterdir()) == [path]


def test_what_replaces_a_file_has_its_rights_from_the_first_byte_on(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("OLD=1\n")
    file = entry(path)
    files.replace(path, b"NEW=1\n", file["owner"], file["group"], 0o600)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("NEW=1\n", 0o600)


def test_a_refused_file_is_named_and_its_check_sees_its_name(tmp_path: Path) -> None:
    file = entry(tmp_path / "wa.service", content="x\n", validate="test -e %s.missing")
    with pytest.raises(files.RefusedError, match=r"wa\.service was refused"):
        files.refuse_invalid(file)
    files.refuse_invalid({**file, "validate": "grep -q x %s"})


def test_absent(tmp_path: Path) -> None:
    path = tmp_path / "gone"
    path.touch()
    file = entry(path, absent=True)
    assert files.differs(file)
    files.write(file)
    assert not files.differs(file)


def test_a_difference_of_secrets_tells_the_keys_alone(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("DATABASE_URL=postgresql://qa:one@db/qa\nLOG_LEVEL=INFO\nOTHER=two\n")
    text = "DATABASE_URL=postgresql://qa:three@db/qa\nLOG_LEVEL=DEBUG\n"
    shown = files.difference(entry(path, secret=encoded(text), visible=["LOG_LEVEL"]))
    assert shown["before"] == "DATABASE_URL=***\nLOG_LEVEL=INFO\nOTHER=***\n"
    assert shown["after"] == "DATABASE_URL=***\nLOG_LEVEL=DEBUG\n"


def test_a_difference_in_a_hidden_value_alone_is_said(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("DATABASE_URL=one\n")
    path.chmod(0o640)
    shown = files.difference(entry(path, secret=encoded("DATABASE_URL=two\n")))
    assert "not shown" in shown["after"]
    assert "two" not in "".join(shown.values())
