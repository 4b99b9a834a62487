"""Which release this is."""

from pathlib import Path

from monitor import __version__


def release_of(home: Path) -> str:
    """Return the release that `home/current` leads to, or the package's version without one."""
    try:
        return (home / "current").resolve(strict=True).name
    except OSError:
        return __version__
