"""What the demo posts, and what the store must then hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from monitor.demo.groups import KNOWN_GROUPS, LAWLEY, MAMELODI, MOHADIN, VELO_TEST

LINKED_DEVICE = "10000000000001"
LINKED_PHONE = "27000000009"


@dataclass(frozen=True, slots=True)
class Line:
    """A message to post, `age` before now, and the drops that it submits.

    The drops are written out by hand: the program under demonstration must not be asked.
    """

    group_jid: str
    text: str
    drops: tuple[str, ...] = ()
    age: timedelta = timedelta()
    sender: str = "27000000001"
    is_from_me: bool = False
    media_type: str = ""


class Submitted(NamedTuple):
    """A submission: one drop in one message of one group."""

    group_jid: str
    message_id: str
    drop_number: str


def opening() -> tuple[Line, ...]:
    """Return what the bridge's file holds before the monitor first starts."""
    hours = [timedelta(hours=number) for number in range(9)]
    return (
        Line(LAWLEY, "Morning team", age=hours[8]),
        Line(LAWLEY, "DR1752028 all done, photos below", ("DR1752028",), hours[7]),
        Line(LAWLEY, "", age=hours[7], media_type="image"),
        Line(LAWLEY, "dr 1752034", ("DR1752034",), hours[6], LINKED_DEVICE),
        Line(VELO_TEST, "DR1752040 and DR1752011", ("DR1752040", "DR1752011"), hours[6]),
        Line(VELO_TEST, "Dr Naidoo's house is locked 🔒", age=hours[5]),
        Line(MOHADIN, "Drop DR17520: which house?", age=hours[5], sender="27000000002"),
        Line(MOHADIN, "Dr1752039", ("DR1752039",), hours[4], media_type="image"),
        Line(MAMELODI, "DR1750001 power reading missing", ("DR1750001",), hours[3], "27000000003"),
        Line(MAMELODI, "DR1750001: we are on it", age=hours[3], is_from_me=True),
    )


def resubmission() -> Line:
    """Return the post that sends DR1750001 of `opening` in again."""
    return Line(MAMELODI, "DR1750001 photo added", ("DR1750001",), timedelta(hours=1))


def late_history() -> Line:
    """Return a message that is days old and arrives after everything else."""
    return Line(MOHADIN, "DR1749990 from Friday", ("DR1749990",), timedelta(days=3))


def stream(count: int) -> Iterator[Line]:
    """Yield what is posted while the monitor runs: two drops, then chatter, group by group."""
    groups = list(KNOWN_GROUPS.values())
    for number in range(count):
        group = groups[number % len(groups)]
        if number % 3 == 2:
            yield Line(group, "Photos to follow 👍")
        else:
            drop = f"DR{1760000 + number}"
            yield Line(group, f"{drop} done", (drop,), sender=f"2700000{number:04d}")


def posted_at(line: Line, now: datetime) -> datetime:
    """Return the line's time of posting in whole seconds, as WhatsApp gives it."""
    return (now - line.age).replace(microsecond=0)
