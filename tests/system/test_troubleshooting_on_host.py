"""What docs/troubleshooting.md has root type on the host is there and works."""

from pathlib import Path

from tests.docs.console import commands_of, sections_of
from tests.system import site
from tests.system.machine import Machine

DOCUMENT = Path(__file__).parents[2] / "docs" / "troubleshooting.md"


def test_every_command_of_root_works(host: Machine) -> None:
    commands = [
        each.words for text in sections_of(DOCUMENT).values() for each in commands_of(text, "#")
    ]
    assert len(commands) >= 8
    for words in commands:
        done = host.ssh(words, check=False)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        site.wait_until_ready(host, "prod")
    assert site.command(host, "prod", "groups").count("yes, ") == 4
