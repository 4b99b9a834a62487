"""Projects with options, and settings, written into a home as an operator writes them."""

import json
from typing import Any

from click.testing import CliRunner

from monitor.cli import main
from monitor.demo.groups import KNOWN_GROUPS
from tests.delivery.homes import Home


def write_projects(home: Home, **options: dict[str, Any]) -> None:
    """Watch the known groups; `options` are further keys, by the name of the project."""
    projects = [
        {"name": name, "group_jid": jid, **options.get(name.replace(" ", "_"), {})}
        for name, jid in KNOWN_GROUPS.items()
    ]
    # JSON is YAML.
    (home.path / "config" / "projects.yaml").write_text(json.dumps({"projects": projects}))


def add_settings(home: Home, **settings: str) -> None:
    """Add lines to the home's .env."""
    with (home.path / ".env").open("a") as file:
        file.writelines(f"{key}={value}\n" for key, value in settings.items())


def import_drops(home: Home, *drops: str, project: str = "Lawley") -> None:
    """Add drops to a project's list with the operator's command."""
    file = home.path / "list.csv"
    file.write_text("drop_number\n" + "".join(f"{drop}\n" for drop in drops))
    words = ["--home", str(home.path), "drops", "import", str(file), "--project", project]
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
