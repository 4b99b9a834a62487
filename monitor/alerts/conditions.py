"""Which conditions hold that a person should know of: pure, from what has been seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from monitor.answer_status import AnswerStatus
from monitor.bridge.silence import Silence
from monitor.list_status import ListStatus
from monitor.service.audit_schedule import AuditRecord
from monitor.service.starts import LOOP_WINDOW, Starts
from monitor.status import STALE_SECONDS

NAMES = (
    *("store_down", "bridge_unreadable", "loop_stalled", "state_corrupt", "audit_difference"),
    *("bridge_silent", "dead_letters", "behind", "restart_loop", "unchecked", "answers_failing"),
)
"""Every condition there is."""

CORRUPTION_SECONDS = 300.0
"""For how long a state file that was damaged, and has been put right since, is a condition."""

MENDING_SECONDS = 60.0
"""The service writes a bad or missing state file anew by itself, and well within this."""

LAG_SECONDS = 60.0
"""A message that waits no longer than this is on its way."""


@dataclass(frozen=True)
class Facts:
    """What is known at a moment.

    `store_seconds` and `bridge_seconds` say for how long each has been out of reach, 0 if it
    is not, `store_error` and `bridge_error` why. `corrupted` is when state.json was last found
    unusable and in what way; `state_error` is what is wrong with it now, empty if nothing.
    `lagging` has, by project, how many messages wait and for how many seconds the newest has.
    `lists` are those of the projects that check their drops, `answers` how the answers stand.
    None stands for what cannot be told now.
    """

    now: datetime
    stalled_seconds: float = 0.0
    store_seconds: float = 0.0
    store_error: str = ""
    bridge_seconds: float = 0.0
    bridge_error: str = ""
    corrupted: tuple[datetime, str] | None = None
    state_error: str = ""
    audit: AuditRecord | None = None
    silence: Silence | None = None
    dead_letters: int | None = None
    lagging: Mapping[str, tuple[int, float]] | None = None
    starts: Starts = field(default_factory=lambda: Starts(0, ()))
    lists: Sequence[ListStatus] | None = None
    answers: AnswerStatus | None = None


class Condition(NamedTuple):
    """Something that holds now.

    It has to hold for `after` seconds before anybody is told of it.
    """

    text: str
    after: float = 0.0


def conditions(facts: Facts, after: float, restarts: int) -> dict[str, Condition | None]:
    """Return the conditions that hold, by name; None for one that cannot be told now.

    `after` is for how many seconds a fault that may pass by itself must last; `restarts` is the
    number of starts in LOOP_WINDOW that make a loop.
    """
    found = {
        "store_down": _lasting(facts.store_seconds, after, "store out of reach", facts.store_error),
        "bridge_unreadable": _lasting(
            facts.bridge_seconds, after, "bridge file cannot be read", facts.bridge_error
        ),
        "loop_stalled": _lasting(
            facts.stalled_seconds,
            max(after, STALE_SECONDS),
            "the service's loop does not turn",
            "restart the service",
        ),
        "state_corrupt": _corrupt(facts),
        "audit_difference": _audit(facts.audit),
        "bridge_silent": _silent(facts.silence),
        "dead_letters": _dead_letters(facts.dead_letters or 0),
        "behind": _behind(facts.lagging or {}, after),
        "restart_loop": _restart_loop(facts, restarts),
        "unchecked": _unchecked(facts.lists or ()),
        "answers_failing": _answers(facts.answers, after),
    }
    unknown = {
        "audit_difference": facts.audit is None or bool(facts.audit.error),
        "bridge_silent": facts.silence is None or facts.silence.verdict == "unknown",
        "dead_letters": facts.dead_letters is None,
        "behind": facts.lagging is None,
        "unchecked": facts.lists is None,
        "answers_failing": facts.answers is None,
    }
    return {name: condition for name, condition in found.items() if condition or unknown.get(name)}


def _lasting(seconds: float, after: float, what: str, why: str) -> Condition | None:
    return Condition(f"{what}: {why}") if seconds and seconds >= after else None


def _corrupt(facts: Facts) -> Condition | None:
    if facts.state_error:
        return Condition(f"state.json is not usable: {facts.state_error}", MENDING_SECONDS)
    if facts.corrupted is None:
        return None
    at, what = facts.corrupted
    if (facts.now - at).total_seconds() > CORRUPTION_SECONDS:
        return None
    return Condition(
        f"state.json was damaged ({what}); cursors were taken from the store and the file written"
        " anew. Find out who or what damaged it"
    )


def _audit(record: AuditRecord | None) -> Condition | None:
    if record is None or not record.missed:
        return None
    mended = f"{record.repaired} of them have been taken in since"
    if not record.repaired:
        mended = "run `wa-monitor audit --repair` to take them in"
    return Condition(
        f"the audit of {record.at} found {record.missed} of {record.submissions} submissions"
        f" missing in the store; {mended}"
    )


def _silent(silence: Silence | None) -> Condition | None:
    if silence is None or silence.verdict != "silent":
        return None
    return Condition(f"{silence}: is it logged in, and does its host reach WhatsApp?")


def _dead_letters(number: int) -> Condition | None:
    if not number:
        return None
    plural = "messages have" if number > 1 else "message has"
    return Condition(f"{number} {plural} been set aside as dead letters; see `wa-monitor replay`")


def _behind(lagging: Mapping[str, tuple[int, float]], after: float) -> Condition | None:
    late = {name: lag for name, lag in lagging.items() if lag[0] and lag[1] > LAG_SECONDS}
    if not late:
        return None
    each = ", ".join(f"{name} {messages}" for name, (messages, _) in sorted(late.items()))
    return Condition(f"messages wait to be read: {each}", after)


def _unchecked(lists: Sequence[ListStatus]) -> Condition | None:
    found = [each for each in lists if each.unchecked]
    if not found:
        return None
    parts = [
        f"{each.project} {each.unchecked}, for its list of valid drops {_why_unchecked(each)}"
        for each in found
    ]
    return Condition(
        f"drops are taken in unchecked: {'; '.join(parts)}. `wa-monitor drops import FILE"
        " --project NAME` fills a list"
    )


def _why_unchecked(each: ListStatus) -> str:
    if each.error:
        return f"cannot be read ({each.error})"
    return "did not answer in time" if each.drops else "is empty"


def _answers(answers: AnswerStatus | None, after: float) -> Condition | None:
    if answers is None:
        return None
    found = []
    if answers.recent["unknown"]:
        found.append(f"{answers.recent['unknown']} may or may not have been sent")
    if answers.recent["failed"]:
        found.append(f"{answers.recent['failed']} could not be sent until it was too late")
    retrying = answers.numbers["retrying"] if answers.mode == "on" else 0
    if retrying:
        found.append(f"{retrying} cannot be sent and are tried again")
    if not found:
        return None
    # One that is tried again may go through in a moment.
    return Condition(
        f"answers fail: {', '.join(found)}; see `wa-monitor answers`",
        0.0 if any(answers.recent.values()) else after,
    )


def _restart_loop(facts: Facts, restarts: int) -> Condition | None:
    number = facts.starts.within(LOOP_WINDOW, facts.now)
    if number < restarts:
        return None
    minutes = LOOP_WINDOW.total_seconds() / 60
    return Condition(
        f"the service was started {number} times in {minutes:.0f} minutes; see its log"
    )
