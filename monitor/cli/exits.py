"""How a command ends: 0 good, 1 a problem was found, 2 bad input or usage."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from monitor.bridge.faults import BridgeUnavailable
from monitor.service.lock import AlreadyRunning
from monitor.settings.faults import SettingsError
from monitor.store.faults import BatchRefused, StoreUnavailable

PROBLEM = 1
BAD_INPUT = 2


def bad_input(*lines: object) -> NoReturn:
    """End with exit code 2 and these lines on the standard error."""
    for line in lines:
        click.echo(f"wa-monitor: {line}", err=True)
    sys.exit(BAD_INPUT)


def problem(*lines: object) -> NoReturn:
    """End with exit code 1 and these lines on the standard error."""
    for line in lines:
        click.echo(f"wa-monitor: {line}", err=True)
    sys.exit(PROBLEM)


@contextmanager
def faults_as_exits() -> Iterator[None]:
    """Turn each fault that an operator can act on into its line and its exit code."""
    try:
        yield
    except SettingsError as error:
        bad_input(*error.faults)
    except AlreadyRunning as error:
        problem(error)
    except BridgeUnavailable as error:
        problem(f"bridge: {error}")
    except (StoreUnavailable, BatchRefused) as error:
        problem(f"store: {error}")
