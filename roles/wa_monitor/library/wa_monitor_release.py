#!/usr/bin/python
"""Ansible module: install a release from its archive, whole or not at all."""

from __future__ import annotations

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
  - A complete release is never changed; what an interrupted run left is made anew.
options:
  archive: {description: The archive on the host., type: path}
  source:
    description: A release on this host to copy from, instead of installing once more.
    type: path
  dest: {description: "Folder of the release.", type: path, required: true}
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


def install(archive: Path, partial: Path) -> None:
    """Install the archive into a folder that nobody uses yet."""
    wheels = partial / "wheels"
    unpack(archive, wheels)
    about = json.loads((wheels / COMPLETE).read_text(encoding="utf-8"))
    venv, modules = partial / "venv", partial / "modules"
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
    _run(
        [
            *pip,
            "--require-hashes",
            "--no-deps",
            "--find-links",
            str(wheels),
            "--requirement",
            str(wheels / "requirements.txt"),
        ]
    )
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


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "archive": {"type": "path"},
            "source": {"type": "path"},
            "dest": {"type": "path", "required": True},
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
    except (InstallError, OSError, tarfile.TarError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        module.fail_json(msg=f"release {final.name} was not installed: {error}")
    module.exit_json(changed=True, release=final.name, diff=diff)


if __name__ == "__main__":
    main()
