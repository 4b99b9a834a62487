"""wa-monitor: from drop numbers in WhatsApp groups to rows for the QA office."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("wa-monitor")
except PackageNotFoundError:  # run from a plain checkout
    __version__ = "0+unknown"
