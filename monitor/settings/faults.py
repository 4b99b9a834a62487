"""Faults in what the operator has set."""

from typing import NamedTuple


class Fault(NamedTuple):
    """One fault: in which file, at which JSON pointer or key, and what was expected.

    `line` counts from 1; it is 0 where there is none, and `where` is empty where
    the fault is that of the whole file.
    """

    file: str
    where: str
    message: str
    line: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.where, self.message) if part)


class SettingsError(Exception):
    """Settings that cannot be used; its text has one line for each of `faults`."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults
