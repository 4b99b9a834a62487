"""What is old and beyond the number to keep goes; what is in use stays."""

from pathlib import Path

from tests.ops.modules import load

prune = load("wa_monitor_surplus")

FOUND = {Path(name): float(day) for day, name in enumerate("abcdef")}


def going(keep: int, youngest_to_go: float, *never: str) -> list[str]:
    found = prune.surplus(FOUND, keep, youngest_to_go, list(never))
    return sorted(path.name for path in found)


def test_by_number() -> None:
    assert going(2, 99) == ["a", "b", "c", "d"]


def test_by_age() -> None:
    assert going(0, 2) == ["a", "b"]


def test_the_young_stay_whatever_their_number() -> None:
    assert going(1, 3) == ["a", "b", "c"]


def test_never_means_never() -> None:
    assert going(0, 99, "a", "f") == ["b", "c", "d", "e"]
