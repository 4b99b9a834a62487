"""Finding drop numbers, and near misses of them, in the text of a message."""

import re
from typing import NamedTuple
from unicodedata import decimal

# Every character of category Cf (format), by Unicode 15: zero-width spaces and
# joiners, direction marks, soft hyphens, byte order marks. They are invisible, and
# phones put them between DR and its digits or among the digits.
_FORMAT = (
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u180e\u200b-\u200f"
    "\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001"
    "\U000e0020-\U000e007f"
)
# They are taken out before matching, so that they neither make nor hide a word
# boundary. D and R must stand together, though: the reader's filter inside SQLite
# looks for the two letters side by side.
_INVISIBLE = re.compile(f"[{_FORMAT}]+")
# A custom drop loses these too: PostgreSQL's text can hold neither.
_INVISIBLE_OR_UNSTORABLE = re.compile(f"[{_FORMAT}\x00\ud800-\udfff]+")
_APART = re.compile(f"([Dd])[{_FORMAT}]+(?=[Rr])")

_SPACE = "[\t \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]"
# Each count is bounded and nothing nests, so that the work for a text is in
# proportion to its length, whatever is in it.
_CANDIDATE = re.compile(
    rf"(?<!\w)(_?)[Dd][Rr]{_SPACE}?(\d{{3,12}})(?:(?!\w)|(?<=\d{{6}})([^\W\d]\w{{0,27}}))"
)
_PLAIN = re.compile(r"(?<!\w)[Dd][Rr][\t ]?(\d{6,8})(?!\w)", re.ASCII)
_AS_POSTED_LIMIT = 40


class Found(NamedTuple):
    """What a text holds: its drops and its near misses, each once, in order of appearance."""

    drops: tuple[str, ...]
    malformed: tuple[str, ...]


class DropPattern:
    r"""What counts as a drop in one project.

    By default: the letters DR in any case, at most one space (of any width) or tab,
    and six to eight decimal digits of any script, as a word of its own. Invisible
    format characters are passed over, except between D and R. A drop is written
    DR1752028 whatever form it was posted in. Near misses, which are kept as
    malformed, are DR with three to five or nine to twelve digits, a drop that runs
    straight on into letters (`DR1752028Lawley`, `DR1752028DR1752034`), and one with
    an underscore beside it (`_DR1752028_`, which WhatsApp shows in italics).

    An `expression` replaces all this by a Python regular expression. Its first
    group, or the whole match where there is none, is the drop; it is written in
    upper case, without spaces and invisible characters and with ASCII digits, so
    that one drop is not taken for two. Such a pattern knows no near misses, and its
    speed is in the hands of whoever writes it. Raises ValueError if the expression
    is not valid or matches the empty text.

    `prefilter` is a pattern for SQL's LIKE that every text with a drop or a near
    miss satisfies, or None if there is no such thing. (SQLite's LIKE stops reading
    at a NUL: a text that has one needs to be let through as well.)
    """

    __slots__ = ("_expression", "prefilter")

    def __init__(self, expression: str | None = None) -> None:
        self._expression = None if expression is None else _compiled(expression)
        self.prefilter: str | None = "%dr%" if expression is None else None

    def plain(self, text: str) -> str | None:
        """Return the drop of a text that holds it alone and plainly, None for any other text.

        That is what nearly every text with a drop is; `find` finds the same, more slowly.
        """
        if self._expression is not None or not text.isascii() or text.lower().count("dr") != 1:
            return None
        found = _PLAIN.search(text)
        return "DR" + found[1] if found else None

    def find(self, text: str) -> Found:
        """Return the drops and near misses of `text`."""
        if self._expression is not None:
            return Found(_custom_drops(self._expression, text), ())
        if not text.isascii() and _INVISIBLE.search(text):
            text = _INVISIBLE.sub("", _APART.sub(r"\1 ", text))
        drops: list[str] = []
        malformed: list[str] = []
        for found in _CANDIDATE.finditer(text):
            before, digits, after = found.groups()
            if 6 <= len(digits) <= 8 and not before and not after:
                drops.append("DR" + _ascii_digits(digits))
            else:
                malformed.append(found[0][:_AS_POSTED_LIMIT])
        return Found(tuple(dict.fromkeys(drops)), tuple(dict.fromkeys(malformed)))


def _compiled(expression: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(expression)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"not a regular expression: {error}") from None
    if compiled.search(""):
        raise ValueError("this regular expression matches the empty text, hence every message")
    return compiled


def _custom_drops(expression: re.Pattern[str], text: str) -> tuple[str, ...]:
    matches = (
        (found[1] if expression.groups else None) or found[0] for found in expression.finditer(text)
    )
    drops = (_ascii_digits(_INVISIBLE_OR_UNSTORABLE.sub("", match)).upper() for match in matches)
    return tuple(dict.fromkeys(word for drop in drops if (word := "".join(drop.split()))))


def _ascii_digits(text: str) -> str:
    if text.isascii():
        return text
    return "".join(str(decimal(c)) if c.isdecimal() else c for c in text)
