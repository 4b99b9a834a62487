"""Libraries are taken from another release only if they are the same, and whole."""

import base64
import hashlib
import json
from pathlib import Path

import pytest

from tests.ops.modules import load

release = load("wa_monitor_release")

ABOUT = {
    "libraries": "abc",
    "python": "3.11",
    "machine": "x86_64",
    "interpreter": "/usr/bin/python3",
}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Lay out a release with one library, and return the library's file."""
    folder = tmp_path / "r1"
    site = folder / "venv/lib/python3.11/site-packages"
    (site / "lib-1.0.dist-info").mkdir(parents=True)
    path = site / "lib.py"
    path.write_text("x = 1\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()
    (site / "lib-1.0.dist-info/RECORD").write_text(
        f"lib.py,sha256={digest.rstrip('=')},6\nlib-1.0.dist-info/RECORD,,\n"
    )
    (folder / "RELEASE.json").write_text(json.dumps({"release": "r1", **ABOUT}))
    return path


def test_the_same_libraries_are_found(library: Path, tmp_path: Path) -> None:
    assert release.with_same_libraries(tmp_path, ABOUT) == tmp_path / "r1/venv"
    assert library.exists()


@pytest.mark.parametrize("key", ABOUT)
def test_others_are_not_taken(library: Path, tmp_path: Path, key: str) -> None:
    assert library.exists()
    assert release.with_same_libraries(tmp_path, {**ABOUT, key: "other"}) is None


def test_a_changed_file_is_noticed(library: Path, tmp_path: Path) -> None:
    library.write_text("x = 2\n")
    assert release.with_same_libraries(tmp_path, ABOUT) is None


def test_a_lost_file_is_noticed(library: Path, tmp_path: Path) -> None:
    library.unlink()
    assert release.with_same_libraries(tmp_path, ABOUT) is None


def test_a_release_that_is_being_made_is_not_taken(library: Path, tmp_path: Path) -> None:
    assert library.exists()
    (tmp_path / "r1").rename(tmp_path / ".r1.partial")
    assert release.with_same_libraries(tmp_path, ABOUT) is None
