"""Writes docs/commands.md from the program: `python -m tests.docs.reference`."""

from collections.abc import Iterator
from pathlib import Path

import click

from monitor.cli import main

PATH = Path(__file__).parents[2] / "docs" / "commands.md"
HEAD = """# Commands

Written from the program by `make docs`; a test fails when the two part.

Exit codes: 0 all is well, 1 a problem was found, 2 bad input or usage. `python -m monitor` is the
same as `wa-monitor`.
"""


def reference() -> str:
    """Return the whole page."""
    return HEAD + "".join(_sections(main, "wa-monitor", None))


def _sections(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    context = command.make_context(
        name, [], parent=parent, resilient_parsing=True, terminal_width=96, max_content_width=96
    )
    path = context.command_path
    yield f"\n## {path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            yield from _sections(found, each, context)


if __name__ == "__main__":
    PATH.write_text(reference(), encoding="utf-8")
