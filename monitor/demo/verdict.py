"""Compares what was posted with what the store and state.json hold."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from monitor.demo.story import Submitted

Thing = TypeVar("Thing", Submitted, str)


class Review(NamedTuple):
    """A row of the QA table, as the demo shows it."""

    drop_number: str
    project: str
    user_name: str
    whatsapp_message_date: str
    resubmitted: bool
    comment: str


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the embedded store holds."""

    ledger: tuple[Submitted, ...]
    reviews: tuple[Review, ...]


def read_store(path: Path) -> Holdings:
    """Read the embedded store; empty if its file or tables are not there yet."""
    if not path.exists():
        return Holdings((), ())
    with closing(sqlite3.connect(path, timeout=5)) as store:
        if not store.execute(
            "SELECT 1 FROM sqlite_master WHERE name = 'wa_monitor_ledger'"
        ).fetchone():
            return Holdings((), ())
        store.execute("BEGIN")
        ledger = store.execute("SELECT group_jid, message_id, drop_number FROM wa_monitor_ledger")
        reviews = store.execute(
            "SELECT drop_number, project, user_name, whatsapp_message_date, resubmitted, comment"
            " FROM qa_photo_reviews ORDER BY whatsapp_message_date, drop_number"
        )
        return Holdings(
            tuple(Submitted(*row) for row in ledger),
            tuple(
                Review(drop, project, user, date, bool(again), comment or "")
                for drop, project, user, date, again, comment in reviews
            ),
        )


def judge_store(expected: Iterable[Submitted], held: Holdings) -> list[str]:
    """Return one sentence for each drop or submission that is missed, doubled or invented."""
    submissions = set(expected)
    faults = _compare("submission", submissions, held.ledger)
    drops = {one.drop_number for one in submissions}
    faults += _compare("QA row", drops, [review.drop_number for review in held.reviews])
    times = Counter(one.drop_number for one in submissions)
    faults += [
        f"QA row {review.drop_number}: resubmitted is {review.resubmitted},"
        f" but it was posted {times[review.drop_number]} times"
        for review in held.reviews
        if review.drop_number in drops and review.resubmitted != (times[review.drop_number] > 1)
    ]
    return faults


def judge_state(path: Path, newest: Mapping[str, str]) -> list[str]:
    """Return one sentence for each group whose cursor in state.json is not its newest message."""
    try:
        state = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        return [f"{path.name} cannot be read: {error}"]
    return [
        f"{path.name}: the cursor of {group} is {state.get(group)}, its newest message is {message}"
        for group, message in newest.items()
        if state.get(group) != message
    ]


def _compare(what: str, expected: set[Thing], held: Iterable[Thing]) -> list[str]:
    counts: Counter[Thing] = Counter(held)
    return [
        *sorted(f"{what} missed: {_words(one)}" for one in expected - counts.keys()),
        *sorted(f"{what} doubled: {_words(one)}" for one, times in counts.items() if times > 1),
        *sorted(f"{what} never posted: {_words(one)}" for one in counts.keys() - expected),
    ]


def _words(one: Submitted | str) -> str:
    return one if isinstance(one, str) else " ".join(one)
