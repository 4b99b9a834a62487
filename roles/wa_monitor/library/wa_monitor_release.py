#!/usr/bin/python
"""Ansible module: install a release from its archive, whole or not at all."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: wa_monitor_release
short_description: Install a release of the monitor beside those that are there
description:
  - Unpacks the archive, makes a virtual environment of the host's Python, installs the wheels into
    it from the archive alone, hashes checked, and gives the folder its final name last. Neither pip
    nor python3-venv has to be on the host.
  - Where a release beside it has the very same libraries, and every file of theirs still has its
    hash, the virtual environment is a copy of that one's, which takes a tenth of the time.
  - A complete release is never changed; what an interrupted run left is made anew.
options:
  archive: {description: The archive on the host., type: path}
  source:
    description: A release on this host to copy from, instead of installing once more.
    type: path
  dest: {description: "Folder of the release.", type: path, required: true}
  alone:
    description: Remove the releases beside it, once it is there.
    type: bool
    default: false
"""

COMPLETE = "RELEASE.json"


class InstallError(Exception):
    """The release cannot be installed; the text is for the operator."""


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={"PATH": os.environ["PATH"]}
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise InstallError(f"{' '.join(command[:4])}… failed: {lines[-1]}")


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive of plain files; tarfile's own filters are newer than Debian 12."""
    folder.mkdir()
    with tarfile.open(archive) as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is None or "/" in member.name:
                raise InstallError(f"{archive} holds more than plain files: {member.name}")
            (folder / member.name).write_bytes(content.read())


def intact(venv: Path) -> bool:
    """Tell whether every library's file has the hash that was written down at its installation."""
    records = sorted(venv.glob("lib/python3*/site-packages/*.dist-info/RECORD"))
    for record in records:
        with record.open(encoding="utf-8", newline="") as lines:
            for name, noted, _ in csv.reader(lines):
                if noted and noted != hash_of(record.parents[1] / name):
                    return False
    return bool(records)


def hash_of(path: Path) -> str:
    """Return the hash of a file as pip writes it down, empty if there is no such file."""
    try:
        digest = hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return ""
    return f"sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def with_same_libraries(folder: Path, about: dict[str, str]) -> Path | None:
    """Return the virtual environment of a release in a folder that has the same libraries."""
    keys = ("libraries", "python", "machine", "interpreter")
    for mark in folder.glob(f"[!.]*/{COMPLETE}"):
        other = json.loads(mark.read_text(encoding="utf-8"))
        if [other.get(key) for key in keys] == [about[key] for key in keys]:
            venv = mark.parent / "venv"
            if intact(venv):
                return venv
    return None


def install(archive: Path, partial: Path) -> None:
    """Install the archive into a folder that nobody uses yet."""
    wheels = partial / "wheels"
    unpack(archive, wheels)
    about = json.loads((wheels / COMPLETE).read_text(encoding="utf-8"))
    lock = wheels / "requirements.txt"
    about["libraries"] = hashlib.sha256(lock.read_bytes()).hexdigest()
    about["interpreter"] = sys.executable
    venv, modules = partial / "venv", partial / "modules"
    same = with_same_libraries(partial.parent, about)
    if same:
        shutil.copytree(same, venv, symlinks=True)
    else:
        _run([sys.executable, "-m", "venv", "--without-pip", "--symlinks", str(venv)])
    python = str(venv / "bin" / "python")
    pip = [
        python,
        str(next(wheels.glob("pip-*.whl")) / "pip"),
        "install",
        "--quiet",
        "--no-index",
        "--no-cache-dir",
        "--disable-pip-version-check",
        "--root-user-action=ignore",
    ]
    if not same:
        found = ["--no-deps", "--find-links", str(wheels)]
        _run([*pip, "--require-hashes", *found, "--requirement", str(lock)])
    _run([*pip, "--no-deps", "--target", str(modules), str(wheels / about["wheel"])])
    shutil.rmtree(modules / "bin", ignore_errors=True)
    # A path from where it stands, so that the whole folder can be copied or renamed.
    site = next(venv.glob("lib/python3*/site-packages"))
    (site / "wa-monitor.pth").write_text("../../../../modules\n", encoding="utf-8")
    shutil.copy(wheels / "wa-monitor", venv / "bin" / "wa-monitor")
    (venv / "bin" / "wa-monitor").chmod(0o755)
    _run([python, "-I", "-c", "import monitor.cli"])
    shutil.rmtree(wheels)
    shutil.copy(archive, partial / "bundle.tar")
    (partial / COMPLETE).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def settle(partial: Path, final: Path) -> None:
    """Make a finished folder durable and give it its name."""
    os.sync()
    if final.exists():
        shutil.rmtree(final)
    partial.rename(final)
    folder = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_others(final: Path) -> None:
    """Remove what lies beside a release: others, and what interrupted runs left."""
    for path in final.parent.iterdir():
        if path != final:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "archive": {"type": "path"},
            "source": {"type": "path"},
            "dest": {"type": "path", "required": True},
            "alone": {"type": "bool", "default": False},
        },
        required_one_of=[("archive", "source")],
        supports_check_mode=True,
    )
    final = Path(module.params["dest"])
    if (final / COMPLETE).is_file():
        module.exit_json(changed=False, release=final.name)
    diff = {
        "before": "",
        "after": f"{final}\n",
        "before_header": "releases",
        "after_header": "releases",
    }
    if module.check_mode:
        module.exit_json(changed=True, release=final.name, diff=diff)
    partial = final.parent / f".{final.name}.partial"
    os.umask(0o022)
    try:
        shutil.rmtree(partial, ignore_errors=True)
        final.parent.mkdir(parents=True, exist_ok=True)
        if module.params["source"]:
            shutil.copytree(module.params["source"], partial, symlinks=True)
        else:
            partial.mkdir()
            install(Path(module.params["archive"]), partial)
        settle(partial, final)
        if module.params["alone"]:
            remove_others(final)
    except (InstallError, OSError, ValueError, tarfile.TarError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        module.fail_json(msg=f"release {final.name} was not installed: {error}")
    module.exit_json(changed=True, release=final.name, diff=diff)


if __name__ == "__main__":
    main()
