"""The page for people who would rather look."""

import base64
import hashlib
import re
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from string import Template

from monitor.bridge.silence import Silence
from monitor.overview import Overview, day_range
from monitor.service.looker import DAYS, Look
from monitor.status import STALE_SECONDS, GroupStatus, backlog_of
from monitor.web.lists import lists_and_answers
from monitor.web.plot import plot
from monitor.web.words import ago, plain, plural, span, time

BEHIND_SECONDS = 60.0
RESTARTS_SHOWN = 3


class Page:
    """Renders what was seen; the same HTML whether a script refreshes it or not."""

    def __init__(self, environment: str) -> None:
        text = files("monitor.web").joinpath("page.html").read_text("utf-8")
        self._template = Template(text)
        self._title = f"wa-monitor {environment}"
        # Only this style and this script, and nothing from anywhere else.
        shown = self._template.safe_substitute()
        self.policy = "; ".join(
            (
                "default-src 'none'",
                f"style-src '{_digest(shown, 'style')}'",
                f"script-src '{_digest(shown, 'script')}'",
                "connect-src 'self'",
                "img-src data:",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
            )
        )

    def render(self, look: Look | None, silence: Silence | None, idle_seconds: float) -> str:
        """Return the page for what was seen last; `idle_seconds` is since the loop last turned."""
        if look is None:
            headline = _headline("warn", "Nothing has been looked at yet: try again in a moment")
            blank = dict.fromkeys(
                ("groups", "plots", "days", "latest", "parts", "checks", "as_of"), ""
            )
            return self._template.substitute(title=self._title, headline=headline, **blank)
        overview = look.overview
        return self._template.substitute(
            title=escape(self._title),
            as_of=f"as of {time(overview.taken_at, '%Y-%m-%d %H:%M:%S')}",
            headline=_state_of_things(overview, idle_seconds),
            groups=_groups(overview),
            plots=_plots(overview),
            days=_day_table(overview),
            latest=_latest(overview),
            parts=_parts(overview, silence),
            checks=lists_and_answers(overview.status, overview.taken_at),
        )


def _state_of_things(overview: Overview, idle_seconds: float) -> str:
    status = overview.status
    faults = [
        f"{part}: {about['error']}"
        for part in ("bridge", "store", "state")
        if (about := getattr(status, part))["error"]
    ]
    waits = status.service["error"]
    if waits and waits not in faults:
        faults.insert(0, f"service: {waits}")
    if idle_seconds > STALE_SECONDS:
        faults.insert(0, f"the loop has not turned for {span(idle_seconds)}")
    alerts = [
        f"{name.replace('_', ' ')}: {text}" for name, (_, text) in overview.active_alerts.items()
    ]
    if faults:
        return _headline("bad", "Not working", [*faults, *alerts])
    if alerts:
        return _headline("warn", "Working, with something to look at", alerts)
    return _headline("good", "All is well")


def _headline(kind: str, text: str, lines: Iterable[str] = ()) -> str:
    items = "".join(f"<li>{plain(line)}</li>" for line in lines)
    listed = f"<ul>{items}</ul>" if items else ""
    return f'<div class="headline {kind}"><p>{escape(text)}</p>{listed}</div>'


def _groups(overview: Overview) -> str:
    today = {each.group_jid: each for each in overview.days if each.day == overview.taken_at.date()}
    cards: list[str] = []
    for group in overview.status.groups:
        day = today.get(group.group_jid)
        drops, again, messages = (day.drops, day.resubmissions, day.messages) if day else (0, 0, 0)
        kind, word = _mark_of(group)
        last = ago(overview.taken_at, group.posted_at) if group.posted_at else "not yet"
        cards.append(
            f'<li class="group"><div><h3>{escape(group.name)}</h3>'
            f'<span class="mark {kind}">{word}</span></div>'
            f'<p class="big">{drops:,} <small>{plural(drops, "drop")} today</small></p>'
            f'<p class="soft">{messages:,} {plural(messages, "message")}</p>'
            f'<p class="soft">{again:,} {plural(again, "resubmission")}</p>'
            f'<p class="soft">last message {last}</p></li>'
        )
    return f'<ul class="groups">{"".join(cards)}</ul>'


def _mark_of(group: GroupStatus) -> tuple[str, str]:
    if group.lag_messages is None:
        return "bad", "not known"
    if group.lag_messages and (group.lag_seconds or 0.0) > BEHIND_SECONDS:
        return "bad", f"{group.lag_messages:,} waiting"
    return ("warn", f"{group.lag_messages:,} on the way") if group.lag_messages else ("good", "ok")


def _plots(overview: Overview) -> str:
    days = day_range(DAYS, overview.taken_at.date())
    place = {day: number for number, day in enumerate(days)}
    drops: dict[str, list[int]] = {name: [0] * DAYS for name in overview.names.values()}
    messages: dict[str, list[int]] = {name: [0] * DAYS for name in overview.names.values()}
    for each in overview.days:
        if each.day not in place:
            continue
        name = overview.project(each.group_jid)
        drops.setdefault(name, [0] * DAYS)[place[each.day]] += each.drops
        messages.setdefault(name, [0] * DAYS)[place[each.day]] += each.messages
    return plot("New drops a day", days, drops) + plot("Messages a day", days, messages)


def _day_table(overview: Overview) -> str:
    seen = (overview.project(each.group_jid) for each in overview.days)
    names = list(dict.fromkeys([*overview.names.values(), *seen]))
    by_day: dict[object, dict[str, str]] = {}
    for each in overview.days:
        if not (each.messages or each.drops or each.resubmissions):
            continue
        again = f" + {each.resubmissions:,}" if each.resubmissions else ""
        by_day.setdefault(each.day, {})[overview.project(each.group_jid)] = (
            f"{each.drops:,}{again} / {each.messages:,}"
        )
    heads = "".join(f'<th scope="col" class="number">{escape(name)}</th>' for name in names)
    rows = "".join(
        f'<tr><th scope="row">{day}</th>'
        + "".join(f'<td class="number">{cells.get(name, "0")}</td>' for name in names)
        + "</tr>"
        for day, cells in sorted(by_day.items(), key=lambda item: str(item[0]), reverse=True)
    )
    return (
        "<table><caption>New drops, + resubmissions, / messages</caption>"
        f'<thead><tr><th scope="col">Day</th>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    )


def _latest(overview: Overview) -> str:
    if not overview.latest:
        return '<p class="soft">None yet.</p>'
    rows = "".join(
        f'<tr><th scope="row">{escape(each.drop_number)}'
        f"{'<small>resubmitted</small>' if each.resubmitted else ''}</th>"
        f"<td>{escape(each.project or '')}</td>"
        f"<td>{time(each.posted_at, '%d %b %H:%M') if each.posted_at else ''}</td></tr>"
        for each in overview.latest
    )
    titles = ("Drop", "Project", "Posted")
    heads = "".join(f'<th scope="col">{each}</th>' for each in titles)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _parts(overview: Overview, silence: Silence | None) -> str:
    status, now = overview.status, overview.taken_at
    rows = [("Bridge", _said(status.bridge["error"], str(silence) if silence else "readable"))]
    if silence is not None and silence.verdict == "active" and not status.bridge["error"]:
        rows = [("Bridge", "writes")]
    rows.append(("Store", _said(status.store["error"], f"{status.store['kind']}, reachable")))
    rows.append(("State file", _said(status.state["error"], "good")))
    if backlog := backlog_of(status):
        rows.append(("Catching up", str(backlog)))
    rows.append(("Service", f"release {status.service['release'] or 'not known'}"))
    recent = [ago(now, each.isoformat()) for each in reversed(overview.starts.recent)]
    rows.append(("Last starts", ", ".join(recent[:RESTARTS_SHOWN]) or "not known"))
    backup = ago(now, overview.backup[1].isoformat()) if overview.backup else "none known"
    rows.append(("Last backup", backup))
    rows.append(("Last audit", _audit(overview)))
    if status.counts:
        letters, malformed = status.counts["dead_letters"], status.counts["malformed"]
        rows.append(("Set aside", f"{letters:,} dead {plural(letters, 'letter')}"))
        rows.append(("Near misses", f"{malformed:,} malformed {plural(malformed, 'drop')}"))
        rows.append(("In all", f"{status.counts['drops']:,} drops"))
    items = "".join(f"<dt>{name}</dt><dd>{plain(text)}</dd>" for name, text in rows)
    return f"<dl>{items}</dl>"


def _audit(overview: Overview) -> str:
    audit = overview.audit
    if audit is None:
        return "none yet"
    when = ago(overview.taken_at, audit.at)
    if audit.error:
        return f"{when}, could not be made: {audit.error}"
    if audit.missed:
        return f"{when}, {audit.missed:,} missing, {audit.repaired:,} taken in"
    return f"{when}, nothing missing of {audit.submissions:,}"


def _said(error: str | None, good: str) -> str:
    return error or good


def _digest(text: str, tag: str) -> str:
    found = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    assert found is not None
    return "sha256-" + base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
