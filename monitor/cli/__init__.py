"""The command `wa-monitor`."""

from monitor.cli.command import main

__all__ = ["main"]
