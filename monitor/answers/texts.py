"""What a project answers: its texts, and how often and for how long it may."""

from dataclasses import dataclass
from string import Formatter
from typing import Any, Literal

Kind = Literal["invalid", "malformed"]

WORDS = ("mention", "drop", "project")
"""What a text may name in braces."""

MARK = "\u2063\u2062\u2064\u2063"
"""Invisible characters that every answer begins with.

Nobody types them, so that an answer is known for one whichever account sent it and whichever
bridge reads it.
"""

_MARKED_WITHIN = 80

INVALID = "{mention} {drop} is not in the list of {project}. Please check the number, post it again"
MALFORMED = (
    "{mention} {drop} is not a whole drop number (DR and 6 to 8 digits). Please post it again"
)


@dataclass(frozen=True, slots=True)
class Answers:
    """How a project answers; a text that is None is never sent.

    A group gets at most `per_minute` answers a minute, and none later than `expires_after`
    seconds after the message that it answers.
    """

    invalid: str | None = INVALID
    malformed: str | None = MALFORMED
    per_minute: int = 4
    expires_after: float = 15 * 60.0

    def text(self, kind: Kind, mention: str, drop: str, project: str) -> str | None:
        """Return what is to be sent, None if this kind is not answered."""
        template = self.invalid if kind == "invalid" else self.malformed
        if template is None:
            return None
        return MARK + template.format(mention=mention, drop=drop, project=project)


def is_own_answer(content: str) -> bool:
    """Tell whether a message is an answer of a monitor, this one or another."""
    # A sender service may put the mention before the text.
    return MARK in content[:_MARKED_WITHIN]


def template_fault(template: str) -> str:
    """Return what is wrong with a text of projects.yaml, empty if nothing."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        return f"its braces do not match ({error})"
    for _, word, spec, conversion in parts:
        if word is not None and (word not in WORDS or spec or conversion):
            return f"it may name {', '.join(f'{{{each}}}' for each in WORDS)} and nothing else"
    return ""


def answers_of(setting: Any) -> Answers | None:
    """Return what the key `answers` of a project means, once it has been found good."""
    if setting is None or setting is False:
        return None
    if setting is True:
        return Answers()
    texts = {kind: setting[kind] or None for kind in ("invalid", "malformed") if kind in setting}
    return Answers(
        **texts,
        per_minute=setting.get("per_minute", 4),
        expires_after=setting.get("expires_after", 15) * 60.0,
    )
