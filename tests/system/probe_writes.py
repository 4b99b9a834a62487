"""Lists what a service could write, when run with its user and in its mount namespace.

Run with nothing but the standard library: prints a JSON object of folders in which a file can be
made, files that can be opened for writing, and entries of HOME that can be renamed or replaced.
"""

import contextlib
import json
import os
import sys
from pathlib import Path

_ELSEWHERE = {Path("/proc"), Path("/sys"), Path("/dev")}


def main(home: Path) -> None:
    """Try everything that can be tried without harm."""
    folders, files, replaceable = [], [], []
    for name, below, names in os.walk("/"):
        folder = Path(name)
        below[:] = [each for each in below if folder / each not in _ELSEWHERE]
        probe = folder / f".probe-{os.getpid()}"
        with contextlib.suppress(OSError):
            probe.touch(exist_ok=False)
            probe.unlink()
            folders.append(name)
        for path in (folder / each for each in names):
            if not path.is_symlink():
                with contextlib.suppress(OSError):
                    os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK))
                    files.append(str(path))
    aside = home / f".aside-{os.getpid()}"
    for path in sorted(home.iterdir()):
        with contextlib.suppress(OSError):
            path.rename(aside)
            aside.rename(path)
            replaceable.append(path.name)
    print(json.dumps({"folders": folders, "files": files, "replaceable": replaceable}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
