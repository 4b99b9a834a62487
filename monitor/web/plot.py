"""A plot of days as SVG: stacked bars, one colour a project."""

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape

COLOURS = 6
HEIGHT = 100
BAR = 0.8
"""Of the width of a day."""


def plot(title: str, days: Sequence[date], series: Mapping[str, Sequence[int]]) -> str:
    """Return a figure; `series` has, by project, one number a day.

    The numbers can be read without seeing: the picture has a name and a summary, each day a
    tooltip, and the page a table.
    """
    totals = [sum(values) for values in zip(*series.values(), strict=True)] or [0] * len(days)
    top = ceiling(max(totals, default=0))
    return (
        f"<figure><figcaption><b>{escape(title)}</b>{_keys(series)}</figcaption>"
        f'<div class="plot"><div class="axis y" aria-hidden="true"><span>{top:,}</span>'
        f"<span>{top / 2:,g}</span><span>0</span></div>"
        f'<svg viewBox="0 0 {len(days)} {HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(_summary(title, days, totals))}">'
        f"{_grid(len(days))}{_bars(series, top)}{_tips(days, series)}</svg>"
        f'<div class="axis x" aria-hidden="true">{_dates(days)}</div></div></figure>'
    )


def ceiling(value: int) -> int:
    """Return a round number that is not below `value`: 2, 4, 6, 8, 10, 20, 40 and so on."""
    step = 1
    while True:
        for factor in (2, 4, 6, 8, 10):
            if value <= factor * step:
                return factor * step
        step *= 10


def _keys(series: Mapping[str, Sequence[int]]) -> str:
    return "".join(
        f'<span class="key k{number % COLOURS}">{escape(name)} {sum(values):,}</span>'
        for number, (name, values) in enumerate(series.items())
    )


def _summary(title: str, days: Sequence[date], totals: Sequence[int]) -> str:
    most = max(totals, default=0)
    text = f"{title}, {days[0]:%-d %B %Y} to {days[-1]:%-d %B %Y}: {sum(totals):,} in all"
    if not most:
        return text
    return f"{text}, most on {days[list(totals).index(most)]:%-d %B} with {most:,}"


def _grid(width: int) -> str:
    return "".join(
        f'<line x1="0" x2="{width}" y1="{y}" y2="{y}"/>' for y in (0, HEIGHT // 2, HEIGHT)
    )


def _bars(series: Mapping[str, Sequence[int]], top: int) -> str:
    paths: list[str] = []
    below = [0.0] * max((len(values) for values in series.values()), default=0)
    for number, values in enumerate(series.values()):
        steps: list[str] = []
        for day, value in enumerate(values):
            if value:
                height = value / top * HEIGHT
                left, bottom = day + (1 - BAR) / 2, HEIGHT - below[day]
                steps.append(f"M{left:.1f} {bottom:.2f}v-{height:.2f}h{BAR}v{height:.2f}z")
                below[day] += height
        paths.append(f'<path class="k{number % COLOURS}" d="{"".join(steps)}"/>')
    return "".join(paths)


def _tips(days: Sequence[date], series: Mapping[str, Sequence[int]]) -> str:
    tips: list[str] = []
    for number, day in enumerate(days):
        each = [f"{name} {values[number]:,}" for name, values in series.items() if values[number]]
        text = escape(f"{day:%a %-d %b}: {', '.join(each) or 'none'}")
        tips.append(
            f'<rect class="day" x="{number}" y="0" width="1" height="{HEIGHT}">'
            f"<title>{text}</title></rect>"
        )
    return "".join(tips)


def _dates(days: Sequence[date]) -> str:
    marks = 4
    shown = [days[round(each * (len(days) - 1) / (marks - 1))] for each in range(marks)]
    return "".join(f"<span>{day:%-d %b}</span>" for day in shown)
