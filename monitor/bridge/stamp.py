"""Whether a file has changed, without opening it."""

from pathlib import Path

Stamp = tuple[tuple[int, int, int] | None, ...]


def stamp_of(*paths: Path) -> Stamp:
    """Return what identifies the present contents of files; None for one that is not there."""
    stamps: list[tuple[int, int, int] | None] = []
    for path in paths:
        try:
            found = path.stat()
        except OSError:
            stamps.append(None)
        else:
            stamps.append((found.st_ino, found.st_mtime_ns, found.st_size))
    return tuple(stamps)


def bridge_files(path: Path) -> tuple[Path, Path]:
    """Return the files that a bridge's commit changes, in either journal mode."""
    return path, path.with_name(f"{path.name}-wal")
