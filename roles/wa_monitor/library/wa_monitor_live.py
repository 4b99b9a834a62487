#!/usr/bin/python
"""Ansible module: make a release of an environment the live one, in one atomic step."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: wa_monitor_live
short_description: Point an environment to a release
description:
  - Renames a new C(current) link over the old one, so that there is no moment without one, and
    makes the folder durable. C(modules) always leads to C(current/modules).
  - A release that is the old system brings the unit, settings and .env along that it ran with.
options:
  home: {description: Folder of the environment., type: path, required: true}
  release: {description: Name of a complete release., type: str, required: true}
  unit_file: {description: Path of the unit file., type: path, required: true}
  newest:
    description:
      - Count the release as the newest from now on, as a deploy does; a roll-back does not, so that
        the order in which releases went live is kept.
    type: bool
    default: true
"""


def leads_to(link: Path) -> str:
    """Return a link's target, or an empty string where there is no link."""
    return str(link.readlink()) if link.is_symlink() else ""


def point(link: Path, target: str) -> None:
    """Make a link lead to a target, in one step for whoever follows it, and durably."""
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
    folder = os.open(link.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def belongings(release: Path, home: Path, unit_file: Path) -> dict[Path, Path]:
    """Return the files that come along with the old system, by where they go."""
    kept = {
        unit_file: release / "unit.service",
        home / ".env": release / "dotenv",
        home / "config" / "projects.yaml": release / "projects.yaml",
    }
    return {
        target: source
        for target, source in kept.items()
        if source.is_file()
        and not (target.is_file() and target.read_bytes() == source.read_bytes())
    }


def bring(source: Path, target: Path) -> None:
    """Put a kept file back, by a rename."""
    fresh = target.with_name(f".{target.name}.new")
    fresh.unlink(missing_ok=True)
    # Exclusively: the service may make links in its own folder, and root must not follow one.
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(source.read_bytes())
        fresh.chmod(stat.S_IMODE(source.stat().st_mode))
        os.fsync(file.fileno())
    fresh.replace(target)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "home": {"type": "path", "required": True},
            "release": {"type": "str", "required": True},
            "unit_file": {"type": "path", "required": True},
            "newest": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    home, release = Path(module.params["home"]), module.params["release"]
    wanted = {home / "current": f"releases/{release}", home / "modules": "current/modules"}
    wrong = {link: target for link, target in wanted.items() if leads_to(link) != target}
    previous = Path(leads_to(home / "current")).name
    along = belongings(home / "releases" / release, home, Path(module.params["unit_file"]))
    diff = {
        "before": "".join(f"{link} -> {leads_to(link)}\n" for link in wrong),
        "after": "".join(f"{link} -> {target}\n" for link, target in wrong.items()),
    }
    if (wrong or along) and not module.check_mode:
        mark = home / "releases" / release / "RELEASE.json"
        try:
            if module.params["newest"]:
                os.utime(mark)
            for link, target in wrong.items():
                point(link, target)
            for place, source in along.items():
                bring(source, place)
        except OSError as error:
            module.fail_json(msg=f"{release} cannot be made the live release: {error}")
    module.exit_json(changed=bool(wrong or along), previous=previous, release=release, diff=diff)


if __name__ == "__main__":
    main()
