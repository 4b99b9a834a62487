"""What root's commands make in a home belongs to the user whose service works there."""

import os
from contextlib import suppress
from pathlib import Path


def hand_over(path: Path) -> None:
    """Give `path`, just made in a home or in its `logs`, to the service's user if root made it.

    That is the owner of `logs`: the home itself is root's on a deployed host. A link that
    somebody has put in the place is not followed.
    """
    if os.geteuid() != 0:
        return
    for folder in (path.parent / "logs", path.parent):
        if folder != path and folder.is_dir():
            owner = folder.stat()
            with suppress(OSError):
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
            return


def make_logs(home: Path) -> None:
    """Make a home's `logs` folder if there is none. Raises OSError."""
    logs = home / "logs"
    if not logs.is_dir():
        logs.mkdir(exist_ok=True)
        hand_over(logs)
