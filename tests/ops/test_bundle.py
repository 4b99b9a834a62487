"""A release's name follows its content; its lock leaves out what only building needs."""

import os
import shutil
from pathlib import Path

import pytest

from tests.ops.modules import load

bundle = load("wa_monitor_bundle")
REPO = Path(__file__).resolve().parents[2]
FILES = REPO / "roles" / "wa_monitor_release" / "files"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a small checkout."""
    (tmp_path / "monitor/store").mkdir(parents=True)
    for name in ("monitor/__init__.py", "monitor/store/a.sql", "pyproject.toml", "README.md"):
        (tmp_path / name).write_text(f"{name}\n")
    shutil.copy(REPO / "requirements.lock", tmp_path)
    return tmp_path


def test_any_change_of_content_makes_another_release(project: Path) -> None:
    seen = {bundle.content_hash(project, FILES)}
    (project / "monitor/store/a.sql").write_text("other\n")
    seen.add(bundle.content_hash(project, FILES))
    (project / "monitor/store/a.sql").rename(project / "monitor/store/b.sql")
    seen.add(bundle.content_hash(project, FILES))
    (project / "pyproject.toml").write_text("other\n")
    seen.add(bundle.content_hash(project, FILES))
    assert len(seen) == 4


def test_what_is_not_shipped_makes_none(project: Path) -> None:
    before = bundle.content_hash(project, FILES)
    (project / "README.md").write_text("other\n")
    (project / "monitor/__pycache__").mkdir()
    (project / "monitor/__pycache__/a.pyc").write_bytes(b"x")
    assert bundle.content_hash(project, FILES) == before


def test_the_shipped_lock_is_the_lock_but_for_build_tools() -> None:
    lock = (REPO / "requirements.lock").read_text()
    shipped = bundle.shipped_lock(lock)
    assert "\nsetuptools==" in f"\n{lock}"
    assert "setuptools==" not in shipped
    packages = [line for line in lock.splitlines() if "==" in line]
    assert len([line for line in shipped.splitlines() if "==" in line]) == len(packages) - 1
    assert shipped.count("--hash=") > len(packages)


def test_platforms_fit_the_targets_c_library() -> None:
    found = bundle.platforms("aarch64", ["glibc", "2.36"])
    assert found[0] == "manylinux_2_36_aarch64"
    assert "manylinux2014_aarch64" in found
    assert "manylinux_2_37_aarch64" not in found
    with pytest.raises(bundle.BundleError, match="musl"):
        bundle.platforms("x86_64", ["musl", "1.2"])


def test_another_launcher_makes_another_release(project: Path, tmp_path: Path) -> None:
    files = tmp_path / "files"
    shutil.copytree(FILES, files)
    before = bundle.content_hash(project, files)
    (files / "wa-monitor").write_text("#!/bin/sh\n")
    assert bundle.content_hash(project, files) != before


def test_archives_that_nobody_asks_for_go(tmp_path: Path) -> None:
    for name, age in (("old.tar", 15), ("new.tar", 13), ("old-but-wheels", 99)):
        (tmp_path / name).touch()
        moment = 1_800_000_000 - age * 86400
        os.utime(tmp_path / name, (moment, moment))
    bundle.drop_unused(tmp_path, 1_800_000_000)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.tar", "old-but-wheels"]
