"""Commands run in the test's own process: the same program, without the start of a process."""

from typing import NamedTuple

from click.testing import CliRunner

from monitor.cli import main
from tests.delivery.homes import Home


class Said(NamedTuple):
    """A command's exit code and what it said."""

    code: int
    out: str
    err: str


def say(home: Home, *arguments: str) -> Said:
    """Run a command that only looks, or only touches the store."""
    done = CliRunner(env={"COLUMNS": "200"}).invoke(main, ["--home", str(home.path), *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Said(done.exit_code, done.stdout, done.stderr)
