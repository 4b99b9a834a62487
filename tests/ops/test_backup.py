"""A backup is whole, is what it says, and is refused if it is not."""

import json
import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.ops.modules import load

backup = load("wa_monitor_backup")
restore = load("wa_monitor_restore")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Lay out an environment."""
    home = tmp_path / "prod"
    release = home / "releases/r1"
    (release / "modules/monitor/__pycache__").mkdir(parents=True)
    (release / "modules/monitor/__init__.py").write_text("# code\n")
    (release / "modules/monitor/__pycache__/a.pyc").write_bytes(b"x")
    (release / "bundle.tar").write_bytes(b"archive")
    (release / "RELEASE.json").write_text('{"release": "r1", "version": "1.0.0"}')
    (home / "current").symlink_to("releases/r1")
    (home / "modules").symlink_to("current/modules")
    (home / "config").mkdir()
    (home / "config/projects.yaml").write_text("projects: []\n")
    (home / ".env").write_text("DATABASE_URL=fake\n")
    (home / "state.json").write_text("{}\n")
    with sqlite3.connect(home / "drops.db") as store:
        store.executescript("PRAGMA journal_mode=WAL; CREATE TABLE a(n); CREATE TABLE b(n);")
    return tmp_path


def made(root: Path, **more: Any) -> Path:
    """Make a backup of prod."""
    path = backup.make({"root": str(root), "name": "prod", "units": [], "secrets": False, **more})
    assert isinstance(path, Path)
    return path


def test_it_holds_what_belongs_to_the_environment(root: Path) -> None:
    path = made(root)
    manifest = json.loads((path / "MANIFEST.json").read_text())
    assert manifest["release"] == "r1"
    assert set(manifest["files"]) == {
        "config/projects.yaml",
        "crontab",
        "drops.db",
        "modules/monitor/__init__.py",
        "release.tar",
        "state.json",
    }
    assert path.parent.name == manifest["made_at"][:10]
    assert {file.stat().st_mode & 0o077 for file in path.rglob("*")} == {0}
    assert restore.fault_of(path, "prod") == ""


def test_secrets_only_on_demand(root: Path) -> None:
    assert not (made(root) / "env").exists()
    assert (made(root, secrets=True) / "env").read_text() == "DATABASE_URL=fake\n"


def test_the_store_is_copied_as_of_one_moment_while_it_is_written(root: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        with sqlite3.connect(root / "prod/drops.db", timeout=30) as store:
            number = 0
            while not stop.is_set():
                number += 1
                with store:
                    store.execute("INSERT INTO a VALUES (?)", (number,))
                    store.execute("INSERT INTO b VALUES (?)", (number,))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        copies = [made(root) / "drops.db" for _ in range(3)]
    finally:
        stop.set()
        writer.join()
    for copy in copies:
        with sqlite3.connect(copy) as store:
            assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            (a,), (b,) = (store.execute(f"SELECT max(n) FROM {table}").fetchone() for table in "ab")
            assert a == b


def test_looking_into_the_stores_copy_does_no_damage(root: Path) -> None:
    path = made(root)
    with sqlite3.connect(path / "drops.db") as store:
        store.execute("SELECT count(*) FROM a").fetchone()
        assert restore.fault_of(path, "prod") == ""


def test_nothing_is_visible_of_a_backup_that_fails(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "disk full")))
    with pytest.raises(OSError, match="disk full"):
        made(root)
    assert list((root / "backups").iterdir()) == []


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda path: flip_a_byte(path / "state.json"), "state.json has another SHA-256"),
        (lambda path: (path / "config/projects.yaml").write_text(""), "0 bytes instead of 13"),
        (lambda path: (path / "release.tar").unlink(), "release.tar is missing"),
        (lambda path: (path / "modules/evil.py").touch(), "modules/evil.py is not in its manifest"),
        (lambda path: (path / "MANIFEST.json").write_text("{"), "MANIFEST.json cannot be read"),
        (lambda path: (path / "MANIFEST.json").write_text("[]"), "MANIFEST.json cannot be read"),
        (lambda path: (path / "MANIFEST.json").unlink(), "MANIFEST.json cannot be read"),
    ],
)
def test_damage_is_found_and_named(root: Path, damage: Any, told: str) -> None:
    path = made(root)
    damage(path)
    with pytest.raises(restore.RefusedError, match=path.name) as refused:
        restore.choose(root / "backups", "prod", path.name)
    assert told in str(refused.value)


def test_the_newest_good_one_is_taken_where_the_choice_is_free(root: Path) -> None:
    first, second, third = made(root), made(root), made(root)
    flip_a_byte(third / "state.json")
    for asked in ("", first.parent.name):
        chosen, passed_over = restore.choose(root / "backups", "prod", asked)
        assert chosen == second
        assert len(passed_over) == 1
        assert third.name in passed_over[0]


def test_a_backup_is_found_by_its_name_its_day_and_name_or_its_path(root: Path) -> None:
    path = made(root)
    made(root)
    for asked in (path.name, f"{path.parent.name}/{path.name}", str(path)):
        assert restore.choose(root / "backups", "prod", asked) == (path, [])


@pytest.mark.parametrize("asked", ["2001-01-01", "prod-000000Z", "dev-000000Z", "/nowhere"])
def test_what_is_not_there_is_refused(root: Path, asked: str) -> None:
    made(root)
    with pytest.raises(restore.RefusedError, match=asked):
        restore.choose(root / "backups", "prod", asked)


def test_a_backup_of_another_environment_is_refused(root: Path) -> None:
    with pytest.raises(restore.RefusedError, match="environment prod"):
        restore.choose(root / "backups", "dev", str(made(root)))
