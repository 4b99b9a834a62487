"""The demo's verdict sees what is missed, doubled or invented."""

import json
from pathlib import Path

import pytest

from monitor.demo.groups import LAWLEY
from monitor.demo.story import Submitted
from monitor.demo.verdict import Holdings, Review, judge_state, judge_store

FIRST = Submitted(LAWLEY, "A1", "DR1752028")
SECOND = Submitted(LAWLEY, "B2", "DR1752034")
AGAIN = Submitted(LAWLEY, "C3", "DR1752028")


def review(drop_number: str, resubmitted: bool = False) -> Review:
    return Review(drop_number, "Lawley", "27000000001", "2025-11-10T04:47:03Z", resubmitted, "")


GOOD = Holdings((FIRST, SECOND, AGAIN), (review("DR1752028", True), review("DR1752034")))


def test_a_store_that_holds_what_was_posted_is_without_fault() -> None:
    assert judge_store([FIRST, SECOND, AGAIN], GOOD) == []


@pytest.mark.parametrize(
    ("held", "fault"),
    [
        (Holdings(GOOD.ledger[:2], GOOD.reviews), f"submission missed: {LAWLEY} C3 DR1752028"),
        (
            Holdings((*GOOD.ledger, SECOND), GOOD.reviews),
            f"submission doubled: {LAWLEY} B2 DR1752034",
        ),
        (
            Holdings((*GOOD.ledger, Submitted(LAWLEY, "D4", "DR1")), GOOD.reviews),
            f"submission never posted: {LAWLEY} D4 DR1",
        ),
        (Holdings(GOOD.ledger, GOOD.reviews[:1]), "QA row missed: DR1752034"),
        (
            Holdings(GOOD.ledger, (*GOOD.reviews, GOOD.reviews[1])),
            "QA row doubled: DR1752034",
        ),
        (
            Holdings(GOOD.ledger, (*GOOD.reviews, review("DR9999999"))),
            "QA row never posted: DR9999999",
        ),
        (
            Holdings(GOOD.ledger, (review("DR1752028"), GOOD.reviews[1])),
            "QA row DR1752028: resubmitted is False, but it was posted 2 times",
        ),
        (
            Holdings(GOOD.ledger, (GOOD.reviews[0], review("DR1752034", True))),
            "QA row DR1752034: resubmitted is True, but it was posted 1 times",
        ),
    ],
)
def test_each_difference_is_one_sentence(held: Holdings, fault: str) -> None:
    assert judge_store([FIRST, SECOND, AGAIN], held) == [fault]


def test_state_must_hold_the_newest_message_of_each_group(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert len(judge_state(path, {LAWLEY: "A1"})) == 1
    path.write_text(json.dumps({LAWLEY: "A1"}))
    assert judge_state(path, {LAWLEY: "A1"}) == []
    assert len(judge_state(path, {LAWLEY: "B2"})) == 1
    path.write_text('{"torn')
    assert len(judge_state(path, {LAWLEY: "A1"})) == 1
