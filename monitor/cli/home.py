"""What a command works on: an environment's folder and what its settings name."""

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import Concatenate, ParamSpec

import click

from monitor.bridge.reader import BridgeReader
from monitor.cli.exits import faults_as_exits
from monitor.service.intake import Projects
from monitor.settings.environment import Environment, load_environment
from monitor.settings.projects import load_projects
from monitor.store.open import open_store
from monitor.store.protocol import Store

P = ParamSpec("P")


@dataclass(frozen=True)
class Home:
    """An environment's folder; each part is read when it is first asked for.

    The parts raise SettingsError when the folder's settings are bad.
    """

    path: Path

    @cached_property
    def environment(self) -> Environment:
        """The settings."""
        return load_environment(self.path, os.environ)

    @cached_property
    def projects(self) -> Projects:
        """The watched projects."""
        return Projects(load_projects(self.environment.projects_path))

    @cached_property
    def store(self) -> Store:
        """The store, not yet connected."""
        return open_store(self.environment)

    @cached_property
    def reader(self) -> BridgeReader:
        """The bridge's file, not yet opened."""
        return BridgeReader(self.environment.bridge_path, self.projects.prefilters)

    def close(self) -> None:
        """Let go of what has been opened."""
        for part in ("store", "reader"):
            if part in self.__dict__:
                getattr(self, part).close()


def with_home(command: Callable[Concatenate[Home, P], None]) -> Callable[P, None]:
    """Pass the command its Home, and end it as an operator expects when something is wrong."""

    @click.pass_obj
    @wraps(command)
    def wrapped(home: Home, /, *args: P.args, **kwargs: P.kwargs) -> None:
        with closing(home), faults_as_exits():
            command(home, *args, **kwargs)

    return wrapped
