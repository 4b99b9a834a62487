"""config/projects.yaml: which groups are watched, and how."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.answers.texts import Answers, answers_of, template_fault
from monitor.drops.pattern import DropPattern
from monitor.schemas import Mismatch, mismatches, pointer, shown
from monitor.settings.faults import Fault, SettingsError

if TYPE_CHECKING:
    from monitor.settings.yaml_document import YamlDocument

SCHEMA_PATH = Path(__file__).with_name("projects.schema.json")
"""The JSON Schema (2020-12) of projects.yaml, for other tools such as check-jsonschema."""

_MISSING = (
    "is missing; create it with a list `projects`, "
    "each with `name`, `group_jid` (it ends in @g.us) and `enabled: true`"
)


@dataclass(frozen=True, slots=True)
class Project:
    """A group whose drops are wanted.

    `pattern` replaces the usual drop pattern by a regular expression. Messages of
    `ignore_senders` and messages posted before `since` (UTC) give no drops. With `validate`
    a drop must be in the store's list of this project's name. `answers` is None for silence.
    """

    name: str
    group_jid: str
    enabled: bool = True
    description: str = ""
    pattern: str | None = None
    ignore_senders: frozenset[str] = frozenset()
    since: datetime | None = None
    validate: bool = False
    answers: Answers | None = None


def load_projects(path: Path) -> tuple[Project, ...]:
    """Return the projects of the file at `path`, enabled or not, in its order.

    Raises SettingsError with every fault that the file has.
    """
    # Only here, because it costs 13 ms, which `import monitor` should not.
    from monitor.settings.yaml_document import read_yaml  # noqa: PLC0415 -- see above

    document = read_yaml(path, _MISSING)
    found: Any = document.data
    wrong = mismatches(SCHEMA_PATH, found) or list(_beyond_the_schema(found["projects"]))
    if wrong:
        raise SettingsError(tuple(_fault(document, mismatch) for mismatch in wrong))
    return tuple(
        _project(entry, frozenset(found.get("ignore_senders", ()))) for entry in found["projects"]
    )


def _fault(document: "YamlDocument", mismatch: Mismatch) -> Fault:
    path, message = mismatch
    return Fault(document.file, pointer(path), message, document.line(path))


def _beyond_the_schema(entries: list[dict[str, Any]]) -> Iterator[Mismatch]:
    for key in ("name", "group_jid"):
        first: dict[str, int] = {}
        for index, entry in enumerate(entries):
            value = entry[key].strip()
            if value in first:
                where = pointer(("projects", first[value]))
                yield Mismatch(
                    ("projects", index, key),
                    f"expected a {key} of its own, found {shown(value)} as in {where}",
                )
            first.setdefault(value, index)
    for index, entry in enumerate(entries):
        path = ("projects", index)
        if "pattern" in entry:
            try:
                DropPattern(entry["pattern"])
            except ValueError as error:
                yield Mismatch(
                    (*path, "pattern"),
                    f"project {shown(entry['name'])}: expected a regular expression "
                    f"for drops, found {shown(entry['pattern'])}: {error}",
                )
        if "since" in entry:
            try:
                _moment(entry["since"])
            except (ValueError, OverflowError) as error:
                yield Mismatch(
                    (*path, "since"),
                    f"project {shown(entry['name'])}: expected a moment that exists, "
                    f"found {shown(entry['since'])}: {error}",
                )
    for index, entry in enumerate(entries):
        answers = entry.get("answers")
        for kind in ("invalid", "malformed"):
            text = answers.get(kind) if isinstance(answers, dict) else None
            if text and (fault := template_fault(text)):
                yield Mismatch(
                    ("projects", index, "answers", kind),
                    f"project {shown(entry['name'])}: expected a text, found {shown(text)}:"
                    f" {fault}",
                )
    if not any(entry.get("enabled", True) for entry in entries):
        yield Mismatch(("projects",), "expected at least one project that is enabled, found none")


def _project(entry: dict[str, Any], ignored_everywhere: frozenset[str]) -> Project:
    return Project(
        name=entry["name"].strip(),
        group_jid=entry["group_jid"],
        enabled=entry.get("enabled", True),
        description=entry.get("description", ""),
        pattern=entry.get("pattern"),
        ignore_senders=ignored_everywhere.union(entry.get("ignore_senders", ())),
        since=_moment(entry["since"]) if "since" in entry else None,
        validate=entry.get("validate", False),
        answers=answers_of(entry.get("answers")),
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
