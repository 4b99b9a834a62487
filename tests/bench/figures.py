"""What was measured, what was hoped for, and how both are printed."""

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `limit` is the most it may be, None where nothing is asked of it."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """`ok`, `MISSED`, or nothing without a limit."""
        if self.limit is None:
            return ""
        return "ok" if self.value <= self.limit else "MISSED"


def show(console: Console, title: str, figures: Iterable[Figure]) -> None:
    """Print figures as a table."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("")
    table.add_column("measured", justify="right")
    table.add_column("mark", justify="right")
    table.add_column("")
    table.add_column("", style="dim")
    for figure in figures:
        mark = "" if figure.limit is None else f"≤ {_number(figure.limit)} {figure.unit}".strip()
        colour = {"ok": "green", "MISSED": "red"}.get(figure.verdict, "")
        table.add_row(
            figure.name,
            f"{_number(figure.value)} {figure.unit}".strip(),
            mark,
            f"[{colour}]{figure.verdict}[/]" if colour else "",
            figure.note,
        )
    console.print(table)
    console.print()


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def percentile(values: Iterable[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values to take a percentile of")
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)]
