"""From the bridge's rows to what one commit takes in."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from monitor.answers.texts import Answers
from monitor.bridge.message import Message
from monitor.bridge.position import Position, beginning
from monitor.bridge.reader import BridgeReader, Chunk, Cursor
from monitor.drops.pattern import DropPattern
from monitor.drops.submissions import Malformed, Submission, UnreadableMessage, read_message
from monitor.settings.projects import Project
from monitor.store.records import Presumption

BATCH_READINGS = 2_500
"""Of a service's batch: pages, alerts and audits need room in the same process."""

ROOMY_READINGS = 4_000
"""Of a batch where delivering is all there is to do: the larger, the quicker."""

FIRST_READINGS = 1_000
"""Of a backlog's first batch: the sooner the store has something to do."""

BATCH_ROWS = 65_536
BATCH_CHARACTERS = 4 << 20


class Floors(NamedTuple):
    """Rowids up to which single groups are settled although the position is lower.

    They mean something only in the file they were taken from, the reader's `generation`, and
    for as long as `witness`, which is no lower than any of them, stands in it: when the newest
    rows are deleted, new messages are given rowids that were settled.
    """

    generation: int
    rowids: Mapping[str, int]
    witness: Position

    def of(self, chunk: Chunk, reader: BridgeReader) -> Mapping[str, int]:
        """Return those that held when a chunk was read, of which it may just have been."""
        if not self.rowids or chunk.generation != self.generation:
            return {}
        stands = reader.verified(self.witness).rowid == self.witness.rowid
        return self.rowids if stands else {}


NO_FLOORS = Floors(0, {}, beginning("", frozenset()))


class Reading(NamedTuple):
    """A message with what was found in it; `error` says why it could not be read."""

    message: Message
    submissions: list[Submission]
    malformed: list[Malformed]
    error: str = ""


class Intake(NamedTuple):
    """What is to be committed next.

    `resumed_from` is the rowid that reading began after: lower than the position asked for if
    the bridge's rows have changed below it. `presumption` is the store's, of a backlog.
    """

    readings: list[Reading]
    cursors: dict[str, Cursor]
    position: Position
    resumed_from: int
    rows: int
    last_rowid: int
    presumption: Presumption | None = None

    @property
    def more(self) -> bool:
        """Tell whether rows are left for the time after."""
        return self.position.rowid < self.last_rowid

    @property
    def empty(self) -> bool:
        """Tell whether there is nothing to commit."""
        return not self.readings and not self.cursors and not self.rows


class Projects:
    """The projects that are watched, by group, with their patterns ready."""

    def __init__(self, projects: Iterable[Project]) -> None:
        self._by_group = {
            each.group_jid: (each, DropPattern(each.pattern)) for each in projects if each.enabled
        }

    @property
    def prefilters(self) -> Mapping[str, str | None]:
        """What the reader needs: each group's LIKE pattern."""
        return {group: pattern.prefilter for group, (_, pattern) in self._by_group.items()}

    @property
    def names(self) -> Mapping[str, str]:
        """Each group's project name, in the order of the configuration."""
        return {group: project.name for group, (project, _) in self._by_group.items()}

    @property
    def answers(self) -> Mapping[str, Answers]:
        """How each group that is answered is."""
        return {
            group: project.answers
            for group, (project, _) in self._by_group.items()
            if project.answers is not None
        }

    @property
    def checked_groups(self) -> frozenset[str]:
        """The groups of the projects whose drops must be in their list."""
        return frozenset(group for group, (each, _) in self._by_group.items() if each.validate)

    @property
    def checked(self) -> frozenset[str]:
        """The names of the projects whose drops must be in their list."""
        return frozenset(self.names[group] for group in self.checked_groups)

    @property
    def unchecked(self) -> frozenset[str]:
        """The names of the projects that take in any drop."""
        return frozenset(self.names.values()) - self.checked

    def read(self, message: Message) -> Reading | None:
        """Find what a message holds, None for nothing.

        One that cannot be read carries the error instead.
        """
        project, pattern = self._by_group[message.group_jid]
        try:
            submissions, malformed = read_message(message, project, pattern)
        except UnreadableMessage as error:
            return Reading(message, [], [], str(error))
        return Reading(message, submissions, malformed) if submissions or malformed else None

    def worth_keeping(self, messages: Iterable[Message]) -> list[Reading]:
        """Read messages and keep those that hold something."""
        return [reading for each in messages if (reading := self.read(each)) is not None]


def take_in(
    reader: BridgeReader,
    projects: Projects,
    position: Position,
    floors: Floors,
    *,
    first: bool = False,
    roomy: bool = False,
) -> Intake:
    """Read on from `position` until the bridge's end or a batch's fill: sooner for the `first` one.

    Messages at or below their group's rowid in `floors` are settled already and left out, as
    long as the bridge's rows below `position` are what they were.
    """
    readings: list[Reading] = []
    cursors: dict[str, Cursor] = {}
    resumed_from = position.rowid
    most = ROOMY_READINGS if roomy else BATCH_READINGS
    if first:
        most = FIRST_READINGS
    size = rows = 0
    while True:
        chunk = reader.read(position)
        if chunk.resumed_from < position.rowid:
            # What this batch has read already stays in it: twice is harmless, not at all is not.
            floors = NO_FLOORS
            resumed_from = min(resumed_from, chunk.resumed_from)
        settled = floors.of(chunk, reader)
        messages = chunk.messages
        if settled:
            messages = [each for each in messages if each.rowid > settled.get(each.group_jid, 0)]
        kept = projects.worth_keeping(messages)
        readings += kept
        size += sum(len(each.message.content) for each in kept)
        rows += chunk.position.rowid - chunk.resumed_from
        cursors |= _beyond(chunk, settled)
        position = chunk.position
        full = len(readings) >= most or rows >= BATCH_ROWS or size >= BATCH_CHARACTERS
        if full or not chunk.more:
            return Intake(readings, cursors, position, resumed_from, rows, chunk.last_rowid)


def _beyond(chunk: Chunk, floors: Mapping[str, int]) -> dict[str, Cursor]:
    return {
        group: cursor
        for group, cursor in chunk.cursors.items()
        if cursor.rowid >= floors.get(group, 0)
    }
