"""The page's part about the lists of valid drops and the answers."""

from datetime import datetime

from monitor.answer_status import AnswerStatus
from monitor.list_status import ListStatus
from monitor.status import Status
from monitor.web.words import ago, plain

MODES = {
    "on": ("good", "on"),
    "dry-run": ("warn", "dry-run: none is sent"),
    "off": ("warn", "off: none is sent"),
}
NOT_KNOWN = '<p class="soft">Not known while the store is out of reach.</p>'


def lists_and_answers(status: Status, now: datetime) -> str:
    """Return the tables of lists and answers: numbers alone, nobody's text or number."""
    if status.answers is None:
        return NOT_KNOWN
    return _lists(status.lists, now) + _answers(status.answers)


def _lists(lists: list[ListStatus], now: datetime) -> str:
    if not lists:
        return '<p class="soft">No project checks its drops against a list.</p>'
    rows = "".join(
        f'<tr><th scope="row">{plain(each.project)}</th>'
        f'<td class="number">{_size(each)}</td>'
        f'<td class="number">{each.waiting:,}</td>'
        f'<td class="number">{_unchecked(each, now)}</td></tr>'
        for each in lists
    )
    heads = "".join(
        f'<th scope="col" class="number">{title}</th>'
        for title in ("Listed", "Refused", "Unchecked")
    )
    return (
        '<div class="scroll"><table id="lists">'
        "<caption>Drops that must be in a list; refused ones wait for it</caption>"
        f'<thead><tr><th scope="col">Project</th>{heads}</tr></thead><tbody>{rows}</tbody></table>'
        "</div>"
    )


def _size(each: ListStatus) -> str:
    if each.drops is None:
        return _mark("bad", "cannot be read")
    return f"{each.drops:,}" if each.drops else _mark("bad", "empty")


def _unchecked(each: ListStatus, now: datetime) -> str:
    if not each.unchecked or each.unchecked_since is None:
        return "0"
    since = ago(now, each.unchecked_since)
    return f"{_mark('bad', f'{each.unchecked:,}')}<small>the first {since}</small>"


def _answers(answers: AnswerStatus) -> str:
    numbers = answers.numbers
    queued = numbers["queued"] + numbers["retrying"] + numbers["sending"]
    retrying = f", {numbers['retrying']:,} after tries in vain" if numbers["retrying"] else ""
    rows = [
        ("Answers", _mark(*MODES[answers.mode])),
        ("Queued", f"{queued:,}{retrying}"),
        ("Sent", f"{numbers['sent']:,}"),
        ("Failed", _trouble(answers, "failed")),
        ("Unknown", _trouble(answers, "unknown", "may have been sent, not sent again")),
        ("Expired", f"{numbers['expired']:,}"),
    ]
    if numbers["rehearsed"]:
        rows.append(("Rehearsed", f"{numbers['rehearsed']:,}"))
    items = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in rows)
    return f'<dl id="answers">{items}</dl>'


def _trouble(answers: AnswerStatus, standing: str, meaning: str = "") -> str:
    number, recent = answers.numbers[standing], answers.recent[standing]
    text = f"{number:,}" + (f", {meaning}" if number and meaning else "")
    return f"{text} {_mark('bad', f'{recent:,} in the last hour')}" if recent else text


def _mark(kind: str, text: str) -> str:
    return f'<span class="mark {kind}">{text}</span>'
