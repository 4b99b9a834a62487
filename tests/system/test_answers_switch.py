"""The kill switch of answers as docs/operations.md has root use it, on a host."""

from functools import partial
from pathlib import Path

from tests.docs.console import commands_of, sections_of
from tests.system import site
from tests.system.machine import Machine

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"


def says(host: Machine, words: str, line: str) -> bool:
    return line in host.ssh(words, check=False).stdout


def test_answers_are_stopped_without_a_restart(host: Machine) -> None:
    running = site.main_pid(host, "prod")
    host.ssh(
        "echo ENABLE_WHATSAPP_MESSAGES=true >> /opt/wa-monitor/prod/.env"
        " && systemctl reload wa-monitor-prod"
    )
    site.eventually(
        "answers are on", lambda: "answers are on" in site.command(host, "prod", "answers")
    )
    commands = commands_of(sections_of(DOCUMENT)["Stop the answers"], "#")
    assert len(commands) == 5
    for words, expected in commands:
        if not expected:
            host.ssh(words)
        for line in expected:  # a reload is heard in a moment, not at once
            site.eventually(f"{words!r} says {line!r}", partial(says, host, words, line))
    assert site.main_pid(host, "prod") == running
    rights = host.says("stat -c '%U %a' /opt/wa-monitor/prod/.env")
    assert rights == "root 640"
