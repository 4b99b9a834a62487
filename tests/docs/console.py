"""Commands in a document, as its readers type them."""

import re
from pathlib import Path
from typing import NamedTuple


class Command(NamedTuple):
    """A command, and lines of which each is a part of its output."""

    words: str
    expected: list[str]


def sections_of(document: Path) -> dict[str, str]:
    """Return a document's sections by their titles; what comes before them has none."""
    parts = re.split(r"^## (.+)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(["", *parts[1::2]], parts[::2], strict=True))


def commands_of(text: str, prompt: str) -> list[Command]:
    """Return the commands behind a prompt (`$` or `#`) in the console blocks of a text."""
    found: list[Command] = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            if line.startswith(("$ ", "# ")):
                found.append(Command(line, []))
            else:
                found[-1].expected.append(line)
    return [Command(words[2:], expected) for words, expected in found if words[0] == prompt]
