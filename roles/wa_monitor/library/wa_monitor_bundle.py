#!/usr/bin/python
"""Ansible module, for the controller: one archive with all that a target installs offline."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: wa_monitor_bundle
short_description: Build the archive of a release on the controller
description:
  - Builds a wheel of this checkout and downloads the wheels of its lock file, hashes checked, for
    the target's Python, processor and C library; packs them, with pip, into one archive.
  - Both are kept in the cache folder under names that follow from their content, so that a second
    call for the same checkout reads only files and needs no network.
options:
  project: {description: Folder of the checkout., type: path, required: true}
  cache: {description: Folder to keep what was built and downloaded., type: path, required: true}
  files:
    description: Folder with what else makes a release, the lock file of the pip to ship
      (C(pip.lock)) and the command to start it with (C(wa-monitor)).
    type: path
    required: true
  python: {description: "The target's Python, such as 3.11.", type: str, required: true}
  machine: {description: "The target's processor, such as x86_64.", type: str, required: true}
  libc:
    description: The target's C library and its version.
    type: list
    elements: str
    required: true
  build:
    description: Build the archive; without it, only the release's name is worked out.
    type: bool
    default: true
"""

# What a release is made of. README.md and LICENSE go into the wheel, but do not make a new one.
CONTENT = ("monitor", "pyproject.toml", "requirements.lock")
COPIED = (*CONTENT, "README.md", "LICENSE")
# What pip does, once it has found out that it needs nothing more.
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
NOT_SHIPPED = ("setuptools",)
UNUSED = 14 * 86400.0


class BundleError(Exception):
    """The archive cannot be made; the text is for the operator."""


def content_files(project: Path) -> list[Path]:
    """Return the files that decide a release's name, sorted."""
    found: list[Path] = []
    for name in CONTENT:
        path = project / name
        found += [path] if path.is_file() else path.rglob("*")
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


def content_hash(project: Path, files: Path) -> str:
    """Return the first eight hex digits of a SHA-256 over the names and bytes of all content."""
    digest = hashlib.sha256()
    named = [(path.relative_to(project), path) for path in content_files(project)]
    named += [(Path(path.name), path) for path in sorted(files.iterdir())]
    for name, path in named:
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def commit_of(project: Path) -> str:
    """Return date and short hash of the last commit that touched the content."""
    shown = subprocess.run(
        [
            "git",
            "-C",
            str(project),
            "log",
            "-1",
            "--date=format:%Y%m%d",
            "--format=%cd-%h",
            "--",
            *CONTENT,
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    return shown.stdout.strip() or "uncommitted"


def shipped_lock(lock: str) -> str:
    """Return a lock file without the packages that only building needs."""
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", lock)
    return "".join(
        block
        for block in blocks
        if re.split(r"[=\[ ]", block, maxsplit=1)[0].lower() not in NOT_SHIPPED
    )


def platforms(machine: str, libc: list[str]) -> list[str]:
    """Return the wheel platforms that run on a C library, the newest first."""
    name, version = libc
    if name != "glibc":
        raise BundleError(f"no wheels are published for C library {name or 'unknown'}: use glibc")
    minor = int(version.split(".")[1])
    return [f"manylinux_2_{each}_{machine}" for each in range(minor, 4, -1)] + [
        f"{legacy}_{machine}" for legacy in ("manylinux2014", "manylinux2010", "manylinux1")
    ]


def _run(command: list[str], doing: str, **more: Any) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, **more)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise BundleError(f"{doing} failed: {lines[-1]}")


def _pip(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]


def _into_place(made: Path, final: Path) -> None:
    """Give a finished folder or file its name; another run that was faster made the same."""
    try:
        made.rename(final)
    except OSError:
        if not final.exists():
            raise


def dependencies(params: dict[str, Any], cache: Path) -> Path:
    """Return a folder with the locked wheels and the lock, downloading them once."""
    lock = shipped_lock(Path(params["project"], "requirements.lock").read_text(encoding="utf-8"))
    pip_lock_file = Path(params["files"], "pip.lock")
    pip_lock = pip_lock_file.read_text(encoding="utf-8")
    target = "-".join([params["python"], params["machine"], *params["libc"]])
    key = hashlib.sha256((lock + pip_lock).encode()).hexdigest()[:12]
    final = cache / f"wheels-{key}-{target}"
    if final.is_dir():
        return final
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        made = Path(scratch, "wheels")
        made.mkdir()
        (made / "requirements.txt").write_text(lock, encoding="utf-8")
        where = [
            word
            for each in platforms(params["machine"], params["libc"])
            for word in ("--platform", each)
        ]
        for lock_file in (made / "requirements.txt", pip_lock_file):
            _run(
                _pip(
                    "download",
                    "--quiet",
                    "--require-hashes",
                    "--only-binary=:all:",
                    "--no-deps",
                    "--python-version",
                    params["python"],
                    "--implementation",
                    "cp",
                    *where,
                    "--dest",
                    str(made),
                    "--requirement",
                    str(lock_file),
                ),
                f"downloading the wheels of {lock_file.name} for {target}",
            )
        _into_place(made, final)
    return final


def _source_tree(project: Path, target: Path) -> None:
    for name in COPIED:
        source = project / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.is_file():
            shutil.copy(source, target / name)


def build(params: dict[str, Any], release: str, final: Path) -> None:
    """Build the archive of a release under its final name."""
    cache = final.parent
    wheels = dependencies(params, cache)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        # The wheel is built from a copy: a build must not leave its traces in the checkout.
        source, out = Path(scratch, "source"), Path(scratch, "out")
        source.mkdir()
        out.mkdir()
        _source_tree(Path(params["project"]), source)
        if content_hash(source, Path(params["files"])) not in release:
            raise BundleError("the checkout changed while it was read; deploy again")
        _run(
            [sys.executable, "-c", BUILD, str(out)],
            "building the wheel of this checkout",
            cwd=source,
            env={**os.environ, "SOURCE_DATE_EPOCH": "315532800"},
        )
        wheel = next(out.glob("*.whl"))
        about = {
            "release": release,
            "python": params["python"],
            "machine": params["machine"],
            "wheel": wheel.name,
            "version": wheel.name.split("-")[1],
        }
        (out / "RELEASE.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        archive = Path(scratch, "bundle.tar")
        with tarfile.open(archive, "w") as tar:
            launcher = Path(params["files"], "wa-monitor")
            for path in sorted([*wheels.iterdir(), *out.iterdir(), launcher]):
                tar.add(path, arcname=path.name)
        _into_place(archive, final)


def drop_unused(cache: Path, now: float) -> None:
    """Remove the archives that no play has asked for in two weeks."""
    for archive in cache.glob("*.tar"):
        if archive.stat().st_mtime < now - UNUSED:
            archive.unlink(missing_ok=True)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "project": {"type": "path", "required": True},
            "cache": {"type": "path", "required": True},
            "files": {"type": "path", "required": True},
            "python": {"type": "str", "required": True},
            "machine": {"type": "str", "required": True},
            "libc": {"type": "list", "elements": "str", "required": True},
            "build": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    project, files = Path(params["project"]), Path(params["files"])
    tag = f"py{params['python'].replace('.', '')}-{params['machine']}"
    release = f"{commit_of(project)}-{content_hash(project, files)}-{tag}"
    archive = Path(params["cache"], f"{release}-{'-'.join(params['libc'])}.tar")
    try:
        if params["build"] and not archive.exists():
            archive.parent.mkdir(parents=True, exist_ok=True)
            build(params, release, archive)
        if params["build"]:
            os.utime(archive)
            drop_unused(archive.parent, time.time())
    except (BundleError, OSError) as error:
        module.fail_json(msg=f"release {release} cannot be built on the controller: {error}")
    # What is in the controller's cache is no change to the host that a play is about.
    module.exit_json(changed=False, release=release, archive=str(archive))


if __name__ == "__main__":
    main()
