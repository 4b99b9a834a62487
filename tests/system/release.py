"""Other releases to deploy: copies of this checkout, changed a little."""

import shutil
from pathlib import Path

from tests.system.play import REPO

_LEFT_OUT = shutil.ignore_patterns(
    ".git",
    ".venv*",
    ".*cache",
    "__pycache__",
    ".hypothesis",
    "tests",
    "build",
    "dist",
    "*.egg-info",
)

# Run at the import of the package, before anything else of it.
_WHEN_RUN = """

import sys as _sys

if "run" in _sys.argv:
"""


def checkout(folder: Path, addition: str = "") -> Path:
    """Copy this checkout; lines in `addition` run at the start of the service and not elsewhere."""
    shutil.copytree(REPO, folder, ignore=_LEFT_OUT)
    package = folder / "monitor/__init__.py"
    text = package.read_text()
    if addition:
        text += _WHEN_RUN + "".join(f"    {line}\n" for line in addition.strip().splitlines())
    package.write_text(f"{text}\n# {folder.name}\n")
    return folder
